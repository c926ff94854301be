"""Tables as they come broken out of other people's systems, and what each is told."""

import gzip
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


CASES = []


def refused(title, code, files=None, *swaps):
    CASES.append(Broken(title, code, files or {}, swaps))


def reported(title, code, files=None, *swaps):
    CASES.append(Broken(title, code, files or {}, swaps, 0))


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


# --- every table alike ---------------------------------------------------------------
for name, text in FILES.items():
    head, first, *_ = text.splitlines(keepends=True)
    key, *_ = head.split(",")
    refused(f"{name} is empty", "CH103", {name: ""})
    refused(f"{name} is one line break", "CH102", {name: "\n"})
    refused(f"{name} has a header only", "CH103", {name: head})
    refused(f"{name} is a folder", "CH101", {name: folder})
    refused(f"{name} is not there", "CH101", {}, path_of(name, f"no-{name}"))
    refused(f"{name} is matched by nothing", "CH101", {}, path_of(name, "no-*.csv"))
    refused(f"{name} lacks its id", "CH102", {name: text.replace(key, "kunde", 1)})
    refused(f"{name} has no header", "CH102", {name: text.removeprefix(head)})
    refused(
        f"{name} has an id of blanks", "CH106", {name: text.replace("\na1,", "\n  ,")}
    )
    refused(
        f"{name} has a ragged row", "CH111", {name: text + first.strip() + ",9,9\n"}
    )
    refused(
        f"{name} is latin-1",
        "CH111",
        {name: text.replace("a1", "J\xf6rg").encode("latin-1")},
    )
    refused(f"{name} is UTF-16", "CH111", {name: text.encode("utf-16")})
    reported(f"{name} holds NUL bytes", "CH215", {name: text.replace("a2", "a\0002")})
    refused(f"{name} is Parquet inside", "CH111", {name: parquet(account_id=[1])})
    reported(f"{name} begins with a byte-order mark", "CH209", {name: "\ufeff" + text})
    reported(
        f"{name} has Windows line ends", "CH209", {name: text.replace("\n", "\r\n")}
    )
    reported(
        f"{name} has capital column names",
        "CH209",
        {name: head.upper() + text.removeprefix(head)},
    )
    every = ", ".join(f"'x' as {c}" for c in head.strip().split(","))
    refused(
        f"{name} is a query that fails",
        "CH105",
        {},
        query_of(
            name, f"select * replace (error('{WHO}') as {key}) from (select {every})"
        ),
    )
    refused(
        f"{name} names its id twice",
        "CH102",
        {name: text.replace(key, f"{key},{key}", 1).replace("\na", "\na9,a")},
    )
    refused(
        f"{name} maps a column that is not there",
        "CH102",
        {},
        (f'path = "{name}"', f'path = "{name}"\ncolumns = {{ {key} = "kunde" }}'),
    )
    refused(
        f"{name} is filtered to nothing",
        "CH103",
        {},
        (f'path = "{name}"', f'path = "{name}"\nwhere = "1 = 2"'),
    )
    refused(
        f"{name} is filtered by nonsense",
        "CH105",
        {},
        (f'path = "{name}"', f'path = "{name}"\nwhere = "no_such = 1"'),
    )
    refused(
        f"{name} is text with an open quote",
        "CH111",
        {name: text + '"a1,2025-01-01\n'},
    )

# --- kinds of file ---------------------------------------------------------------
name, text = "events.csv", EVENTS
refused(
    f"{name} cut off inside gzip",
    "CH111",
    {f"{name}.gz": gzip.compress(text.encode() * 50, mtime=0)[:60]},
    path_of(name, f"{name}.gz"),
)
refused(
    f"{name} is no gzip", "CH111", {f"{name}.gz": text}, path_of(name, f"{name}.gz")
)
cut = parquet(account_id=[1] * 50)[:-9]
refused(
    f"{name} is cut Parquet", "CH111", {"t.parquet": cut}, path_of(name, "t.parquet")
)
refused(
    f"{name} is CSV named Parquet",
    "CH111",
    {"t.parquet": text},
    path_of(name, "t.parquet"),
)
refused(
    f"{name} is broken JSON lines",
    "CH111",
    {"t.jsonl": '{"account_id": "a1"}\n{"account_id": "' + WHO + "\n"},
    path_of(name, "t.jsonl"),
)
refused(f"{name} is an old sheet", "CH108", {"t.xls": "PK"}, path_of(name, "t.xls"))
refused(
    f"{name} is an address", "CH108", {}, path_of(name, "https://x.example.com/t.csv")
)
refused(f"{name} is a wrong query", "CH105", {}, query_of(name, "select * form t"))
refused(f"{name} is a link to nowhere", "CH101", {name: dangling})
refused(f"{name} is a pipe", "CH101", {name: pipe})

# --- dates ---------------------------------------------------------------------------
DATES = {
    "contracts.csv": "2025-01-01",
    "events.csv": "2025-03-01",
    "states.csv": "2025-03-01",
}
NO_DATES = {
    "a word": "soon",
    "the 30th of February": "2025-02-30",
    "a leap day that never was": "2025-02-29",
    "the year 0": "0000-01-01",
    "the year 9999": "9999-12-31",
    "a day-first date among others": "13-03-2025",
    "a date with slashes": "3/13/2025",
    "a spreadsheet's number": "45717",
    "a number of seconds": "1740787200",
    "an e-mail address": MAIL,
    "a 25th hour": "2025-03-01 25:00:00",
    "a formula": "=TODAY()",
}
for turn, (words, bad) in enumerate(NO_DATES.items()):
    name = list(DATES)[turn % 3]
    refused(f"{name} has {words} for a date", "CH104", swapped(name, DATES[name], bad))
for name, day in DATES.items():
    refused(f"{name} lacks a date", "CH106", swapped(name, day, ""))
refused("an agreed end is a word", "CH104", swapped("contracts.csv", "2026-01-01", WHO))
FORMAT = (
    'path = "events.csv"',
    'path = "events.csv"\nformats = { happened_at = "%d-%m-%Y" }',
)
refused(
    "dates are written in two ways",
    "CH104",
    swapped("events.csv", "2025-03-01", "01-03-2025"),
    FORMAT,
)
refused(
    "a format names a column that is not there",
    "CH102",
    {},
    ('path = "events.csv"', 'path = "events.csv"\nformats = { when = "%d" }'),
)

# --- numbers -------------------------------------------------------------------------
NO_COUNTS = {
    "below zero": "-1",
    "a half": "1.5",
    "infinite": "inf",
    "larger than any count": "1" + "0" * 30,
    "a word": "many",
    "a name": WHO,
    "with a thousands separator": "1 000",
    "a formula": "=1+1",
    "hexadecimal": "0x10",
}
for words, bad in NO_COUNTS.items():
    refused(
        f"a count is {words}",
        "CH104",
        swapped("events.csv", ",login,1,", f",login,{bad},"),
    )
NO_AMOUNTS = {
    "infinite": "-inf",
    "beyond any float": "1e999",
    "too large": "1e30",
    "with a currency sign": "$2.50",
    "with a thousands separator": '"1,000.50"',
    "with a decimal comma": '"2,5"',
    "in brackets": "(2.50)",
    "a percentage": "25%",
    "a name": WHO,
}
NUMBERS = {"events.csv": ",2.5,", "states.csv": ",7,", "contracts.csv": ",10,"}
for turn, (words, bad) in enumerate(NO_AMOUNTS.items()):
    name = list(NUMBERS)[turn % 3]
    files = swapped(name, NUMBERS[name], f",{bad},")
    refused(f"{name} has a number that is {words}", "CH104", files)
refused("seats are a word", "CH104", swapped("contracts.csv", ",5,", ",five,"))
BIG = "a1,2025-03-01,login,1,900000000000000,u,x\n" * 6000
refused("amounts cannot be added up exactly", "CH110", {"events.csv": EVENTS + BIG})
reported("a state is NaN", "CH221", swapped("states.csv", ",7,", ",nan,"))
refused("a state is empty", "CH106", swapped("states.csv", ",7,", ",,"))
refused("a state has no name", "CH106", swapped("states.csv", ",nps,", ",,"))

# --- types that files carry ----------------------------------------------------------
EVENTS_IN = path_of("events.csv", "t.parquet")
refused(
    "dates are numbers in Parquet",
    "CH104",
    {"t.parquet": parquet(account_id=["a1"], happened_at=[45717])},
    EVENTS_IN,
)
refused(
    "dates are truth values in Parquet",
    "CH104",
    {"t.parquet": parquet(account_id=["a1"], happened_at=[True])},
    EVENTS_IN,
)
refused(
    "counts are dates in Parquet",
    "CH104",
    {
        "t.parquet": parquet(
            account_id=["a1"],
            happened_at=["2025-03-01"],
            count=np.array(["2025-03-01"], "datetime64[D]"),
        )
    },
    EVENTS_IN,
)
refused(
    "ids are missing numbers in Parquet",
    "CH106",
    {"t.parquet": parquet(account_id=[1.0, np.nan], happened_at=["2025-03-01"] * 2)},
    EVENTS_IN,
)
for blank in ("", "  ", chr(160)):
    refused(
        f"an id is {blank!r} in Parquet",
        "CH106",
        {
            "t.parquet": parquet(
                account_id=["a1", blank], happened_at=["2025-03-01"] * 2
            )
        },
        EVENTS_IN,
    )
refused(
    "ids are numbers on one side only",
    "CH112",
    {"t.parquet": parquet(account_id=[1, 2], happened_at=["2025-03-01"] * 2)},
    EVENTS_IN,
)
LINES = path_of("events.csv", "t.jsonl")
refused(
    "a JSON count is a list",
    "CH104",
    {"t.jsonl": '{"account_id": "a1", "happened_at": "2025-03-01", "count": [1]}\n'},
    LINES,
)
refused(
    "a JSON date is an object",
    "CH104",
    {"t.jsonl": '{"account_id": "a1", "happened_at": {"day": 1}}\n'},
    LINES,
)
refused(
    "a JSON id is null",
    "CH106",
    {
        "t.jsonl": '{"account_id": null, "happened_at": "2025-03-01"}\n' * 2
        + '{"account_id": "a1", "happened_at": "2025-03-01"}\n'
    },
    LINES,
)
refused(
    "the files of a glob are of two kinds",
    "CH108",
    {"e1.csv": EVENTS, "e2.jsonl": "{}\n"},
    path_of("events.csv", "e*.*[vl]"),
)
refused(
    "one file of a glob is damaged",
    "CH111",
    {"e1.csv": EVENTS, "e2.csv": parquet(account_id=[1])},
    path_of("events.csv", "e?.csv"),
)
refused(
    "a category is gossip",
    "CH109",
    {},
    ('path = "events.csv"', 'path = "events.csv"\ncategory = { column = "text" }'),
)

# --- rows that contradict each other -------------------------------------------------
refused(
    "an account stands twice",
    "CH107",
    more("accounts.csv", f"a1,{WHO},small,{MAIL},x,{MAIL},4711-0815"),
)
refused(
    "no event is of a known account",
    "CH112",
    table("events.csv", lambda t: t.replace("\na", "\nz")),
)
reported(
    "most events are of unknown accounts",
    "CH215",
    more("events.csv", *["zz,2025-03-01,login,1,1,u,sesame"] * 9),
)
reported("ids differ by case", "CH215", swapped("events.csv", "\na1", "\nA1"))
reported(
    "a contract ends before it starts",
    "CH202",
    swapped("contracts.csv", "2026-01-01", "2024-01-01"),
)
reported(
    "contracts overlap",
    "CH204",
    more("contracts.csv", "a1,2025-06-01,2026-06-01,10,5,pro,x"),
)
reported(
    "a contract stands twice", "CH203", more("contracts.csv", CONTRACTS.splitlines()[1])
)
reported(
    "an event lies in the future",
    "CH205",
    more("events.csv", "a1,2031-01-01,login,1,1,u,sesame"),
)
reported(
    "an event long precedes the first contract",
    "CH206",
    more("events.csv", "a1,2019-01-01,login,1,1,u,sesame"),
)
reported(
    "an event long follows the last contract",
    "CH220",
    more("contracts.csv", "a3,2025-01-01,2025-02-01,1,1,pro,x")
    | more("accounts.csv", "a3,x,y,z,g,m,p")
    | more("events.csv", "a3,2025-09-01,login,1,1,u,x"),
)
reported(
    "no contract is of an account",
    "CH223",
    more("accounts.csv", f"a9,{WHO},small,x,y,z,p"),
)
reported(
    "nothing is done by an account",
    "CH217",
    more("accounts.csv", f"a9,{WHO},small,x,y,z,p"),
)
ONCE = {"events.csv": EVENTS.replace("text", "event_id", 1)}
reported("an event's id is used twice", "CH201", ONCE)
ATTRIBUTE = (
    'path = "accounts.csv"',
    'path = "accounts.csv"\nattributes = ["segment", "phone"]',
)
reported("an attribute is the same for all", "CH216", {}, ATTRIBUTE)
reported("an attribute carries no date", "CH219", {}, ATTRIBUTE)
refused(
    "an attribute is not there",
    "CH102",
    {},
    ('path = "accounts.csv"', 'path = "accounts.csv"\nattributes = ["mood"]'),
)
reported(
    "people are hardly ever known",
    "CH218",
    table("events.csv", lambda t: t.replace(MAIL, "")),
)
reported(
    "a column is all empty",
    "CH218",
    table("events.csv", lambda t: t.replace(MAIL, "").replace("user_id", "users")),
)
SKEWED = table(
    "events.csv",
    lambda t: t.replace("text", "known_at", 1).replace("sesame", "2024-12-01"),
)
reported("clocks disagree", "CH207", SKEWED)
reported(
    "rows arrive late",
    "CH208",
    table(
        "events.csv",
        lambda t: t.replace("text", "known_at", 1).replace("sesame", "2025-06-01"),
    ),
)
reported(
    "outcomes are read beyond the end of the data",
    "CH224",
    {},
    (CONFIG, CONFIG + '[question]\ndata_until = "2035-01-01"\n'),
)
reported(
    "a churn flag contradicts the contracts",
    "CH222",
    table(
        "accounts.csv",
        lambda t: t.replace("phone", "churned").replace("4711-0815", "true"),
    ),
)


# --- odd ones ------------------------------------------------------------------------
def loop(path):
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


refused("a file is a link to itself", "CH101", {"events.csv": loop})
refused(
    "a query asks a file without names",
    "CH105",
    {"t.csv": EVENTS.split("\n", 1)[1]},
    query_of("events.csv", "select account_id from read_csv('{root}/t.csv')"),
)
refused(
    "a query casts a person to a number",
    "CH105",
    {},
    query_of(
        "events.csv",
        "select account_id, happened_at, text::int as count"
        " from read_csv('{root}/events.csv')",
    ),
)
refused(
    "a cell is longer than a line may be", "CH111", more("events.csv", "a" * 3_000_000)
)
refused("JSON lines are all empty objects", "CH102", {"t.jsonl": "{}\n{}\n"}, LINES)
refused("JSON lines are numbers", "CH102", {"t.jsonl": "1\n2\n"}, LINES)
refused(
    "a JSON object names a key twice",
    "CH111",
    {
        "t.jsonl": '{"account_id": "a1", "account_id": "a2",'
        ' "happened_at": "2025-03-01"}\n'
    },
    LINES,
)
reported(
    "an id would paint the terminal",
    "CH215",
    more("events.csv", *["\x1b[31mred,2025-03-01,login,1,1,u,sesame"] * 2),
)
refused(
    "the name of a column would paint the terminal",
    "CH102",
    {},
    (
        'path = "events.csv"',
        'path = "t.csv"\n'
        'columns = { account_id = "kunde", happened_at = "happened_at" }',
    ),
)
CASES[-1].files["t.csv"] = EVENTS.replace("text", "\x1b[31mtext", 1)
reported(
    "the name of an event would paint the terminal",
    "CH201",
    table(
        "events.csv",
        lambda t: t.replace("text", "event_id", 1).replace("login", "\x1b[31m"),
    ),
)
refused(
    "a column of Parquet is a list of people",
    "CH104",
    {"t.parquet": parquet(account_id=["a1"], happened_at=[MAIL])},
    EVENTS_IN,
)
