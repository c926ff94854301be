"""Settings that cannot be meant are refused where they are read."""

import pytest
from tests.test_bad_input import TOML

from churnhealth.config import read_config
from churnhealth.errors import ConfigError

COSTS = """[bands]
policy = "cost"
costs = { loss = 1000, saved = 0.2, yellow = 10, orange = 30, red = 60 }
"""
PLAYBOOK = '[[playbooks]]\nname = "call"\ndo = "call"\n[playbooks.when]\n'

REFUSED = {
    "a source that is told by its name": (
        TOML.replace('path = "events.csv"', 'path = "e.csv"\npaht = "f"'),
        "CH003",
        "sources.events.product.paht: there is no such key; the nearest is `path`",
    ),
    "a category that does not exist": (
        TOML.replace('path = "events.csv"', 'category = "x"\npath = "e.csv"'),
        "CH003",
        "'experience' or 'contract'; or: write { column = \"...\" }",
    ),
    "several tables where there is one": (
        TOML.replace("[sources.contracts]", "[[sources.contracts]]"),
        "CH003",
        "sources.contracts: write one table, [sources.contracts]",
    ),
    "a file's name where events stand": (
        TOML.partition("[[sources.events]]")[0] + '[sources]\nevents = "e.csv"\n',
        "CH003",
        "sources.events: there may be several; write `[[sources.events]]`",
    ),
    "a list of files where events stand": (
        TOML.partition("[[sources.events]]")[0] + '[sources]\nevents = ["e.csv"]\n',
        "CH003",
        "sources.events.0: it is no table; write `[[sources.events]]`, and its keys",
    ),
    "events outside the sources": (
        TOML.replace("[[sources.events]]", "[[events]]"),
        "CH003",
        "events: there is no such key here; it belongs to `[[sources.events]]`",
    ),
    "a text where columns stand": (
        TOML.replace('path = "events.csv"', 'columns = "account"\npath = "e.csv"'),
        "CH003",
        'columns: write names and what they stand for, { name = "..." }',
    ),
    "several paths": (
        TOML.replace('path = "events.csv"', 'path = ["a.csv", "b.csv"]'),
        "CH003",
        'sources.events.product.path: write one text, "..."',
    ),
    "a day that is not ISO": (
        TOML + '[snapshots]\nfrom = "01.02.2025"\n',
        "CH003",
        "snapshots.from: write a day without a time: 2025-01-31",
    ),
    "a percentage where a share stands": (
        TOML + "[company]\nat_risk_goal = 5\n",
        "CH003",
        "company.at_risk_goal: it is a share: 0.05 is 5 %",
    ),
    "cuts in per cent": (
        TOML + '[bands]\npolicy = "fixed"\ncuts = [5, 15, 30]\n',
        "CH003",
        "bands: `cuts` are shares, 0.05 for 5 %, that rise from yellow to red",
    ),
    "multiples that fall": (
        TOML + "[bands]\ncuts = [3, 1.5, 0.5]\n",
        "CH003",
        "bands: `cuts` are multiples that rise from yellow to red",
    ),
    "what is saved in per cent": (
        TOML + COSTS.replace("0.2", "20"),
        "CH003",
        "bands: `saved` of `costs` is a share: 0.2 for 20 %",
    ),
    "a price that never pays": (
        TOML + COSTS.replace("60", "200"),
        "CH003",
        "bands: `costs` of red stay below loss x saved = 200, or it never pays",
    ),
    "a cost that is not told": (
        TOML + COSTS.replace("yellow = 10, ", ""),
        "CH003",
        "bands: `costs` are loss, saved, yellow, orange and red; all of them",
    ),
    "a colour for nobody": (
        TOML + '[bands]\npolicy = "capacity"\ncapacity = [0, 1, 1]\n',
        "CH003",
        "bands.capacity.0: Input should be greater than or equal to 1",
    ),
    "days of an anchor without one": (
        TOML + "[snapshots]\nfirst_day = 30\n",
        "CH003",
        "snapshots: `first_day` and `last_day_before_end` count from",
    ),
    "dates that end before they begin": (
        TOML + "[snapshots]\nfrom = 2025-02-01\nuntil = 2025-01-01\n",
        "CH003",
        "snapshots: `from` lies after `until`",
    ),
    "chances in per cent": (
        TOML + PLAYBOOK + "churn_probability = [20, 100]\n",
        "CH003",
        "playbooks.call.when.churn_probability: chances are shares: [0.2, 1] is from",
    ),
    "a playbook's name with a blank": (
        TOML + PLAYBOOK.replace('"call"', '"Call them"') + 'band = ["red"]\n',
        "CH003",
        "playbooks.0.name: a name has small letters, digits, - and _, such as",
    ),
    "one bracket before two": (
        (
            TOML.replace("[[sources.events]]", "[sources.events]")
            + "[[sources.events]]\n"
        ),
        "CH002",
        "two brackets on each side, the first one too",
    ),
    "a heading that stands there twice": (
        TOML + "[sources.contracts]\n",
        "CH002",
        "put the keys of both under one heading",
    ),
}


@pytest.mark.parametrize(("text", "code", "told"), REFUSED.values(), ids=REFUSED)
def test_a_setting_that_cannot_be_meant_is_refused(tmp_path, text, code, told):
    (tmp_path / "churnhealth.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "churnhealth.toml")
    assert caught.value.code == code
    assert told in str(caught.value)
