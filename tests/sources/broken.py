"""A sound company on disk, and the words to say how it is broken."""

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from churnhealth.sources.engine import write_table

WHO = "Zoe Quixbury"
MAIL = "zoe.quixbury@example.org"
SECRETS = ("quixbury", "example.org", "4711-0815", "sesame")
ACCOUNTS = (
    "account_id,name,segment,owner,group,email,phone\n"
    f"a1,{WHO},small,{MAIL},{WHO},{MAIL},4711-0815\n"
    f"a2,{WHO} Ltd,large,{MAIL},{WHO},{MAIL},4711-0815\n"
)
CONTRACTS = (
    "account_id,start,end,value,seats,plan,note\n"
    f"a1,2025-01-01,2026-01-01,10,5,pro,{WHO}\n"
    f"a2,2025-02-01,2026-02-01,20,5,pro,{MAIL}\n"
)
EVENTS = (
    "account_id,happened_at,event,count,amount,user_id,text\n"
    f"a1,2025-03-01,login,1,2.5,{MAIL},sesame\n"
    f"a2,2025-03-02,login,2,3.5,{MAIL},sesame\n"
    f"a2,2025-04-02,export,2,3.5,{MAIL},sesame\n"
)
STATES = (
    "account_id,known_at,state,value,comment\n"
    f"a1,2025-03-01,nps,7,{WHO} says sesame\n"
    f"a2,2025-03-01,nps,9,{WHO} says sesame\n"
)
FILES = {
    "accounts.csv": ACCOUNTS,
    "contracts.csv": CONTRACTS,
    "events.csv": EVENTS,
    "states.csv": STATES,
}
CONFIG = """\
[sources.accounts]
path = "accounts.csv"
[sources.contracts]
path = "contracts.csv"
[[sources.events]]
name = "product"
path = "events.csv"
[[sources.states]]
name = "surveys"
path = "states.csv"
"""


class Broken(NamedTuple):
    """How a sound company is broken, and the code (and exit) that must answer it."""

    title: str
    code: str
    files: dict
    swaps: tuple = ()
    exit: int = 2


class Cases(list):
    """Ways to break it: those that are refused, and those that are told and go on."""

    def refused(self, title, code, files=None, *swaps):
        self.append(Broken(title, code, files or {}, swaps))

    def reported(self, title, code, files=None, *swaps):
        self.append(Broken(title, code, files or {}, swaps, 0))


def table(name, change):
    """Break one of the four files by a function of its text."""
    return {name: change(FILES[name])}


def swapped(name, old, new, count=1):
    assert old in FILES[name], (name, old)
    return {name: FILES[name].replace(old, new, count)}


def more(name, *rows):
    return {name: FILES[name] + "".join(f"{row}\n" for row in rows)}


def parquet(**columns):
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "t.parquet"
        write_table(file, {k: np.array(v) for k, v in columns.items()})
        return file.read_bytes()


def folder(path):
    path.unlink(missing_ok=True)
    path.mkdir()


def dangling(path):
    path.unlink(missing_ok=True)
    path.symlink_to(path.with_name("gone.csv"))


def pipe(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def path_of(name, new):
    return (f'path = "{name}"', f'path = "{new}"')


def query_of(name, sql):
    return (f'path = "{name}"', f'sql = """{sql}"""')
