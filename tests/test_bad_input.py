"""What bad input is told, as it is typed, and few outcomes beside it."""

import json
import os
import subprocess
import sys

import pytest

START = {"a": "2024-01-01", "b": "2024-02-01", "c": "2024-03-01"}


def agreed_end(i):
    """Two of twelve leave before the test, two in it."""
    return {0: "2024-09-01", 6: "2024-09-01", 1: "2025-03-01", 7: "2025-03-01"}.get(i)


CONTRACTS = "account_id,start,end\n" + "".join(
    f"{k}{i},{v},{agreed_end(i) or '2026-03-01'}\n"
    for k, v in START.items()
    for i in range(12)
)
EVENTS = "account_id,happened_at\n" + "".join(
    f"{k}{i},2024-{m:02}-{3 + i:02}\n"
    for k in START
    for i in range(12)
    for m in range(3, 13)
)
EVENTS += "".join(f"a1,2025-{m:02}-09\n" for m in range(1, 12))
CONTRACTS += "z1,2025-11-30,2026-11-30\n"
TOML = """
[sources.contracts]
path = "contracts.csv"
[[sources.events]]
name = "product"
path = "events.csv"
[question]
kind = "horizon"
horizon_days = 60
[backtest]
test_from = 2025-01-01
[tracking]
uri = ""
"""


@pytest.fixture
def typed(tmp_path):
    """Write files, type one verb, give (exit code, stdout, stderr)."""

    def run(*words, toml=TOML, contracts=CONTRACTS, events=EVENTS):
        (tmp_path / "churnhealth.toml").write_text(toml)
        for name, text in (("contracts.csv", contracts), ("events.csv", events)):
            if text is not None:
                (tmp_path / name).write_bytes(
                    text if isinstance(text, bytes) else text.encode()
                )
        before = sorted(p.name for p in tmp_path.iterdir())
        done = subprocess.run(
            [sys.executable, "-m", "churnhealth", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "NO_COLOR": "1"},
            check=False,
        )
        assert "Traceback" not in done.stderr
        if done.returncode:
            assert sorted(p.name for p in tmp_path.iterdir()) == before
        return done

    return run


def test_fewer_than_twenty_outcomes_mean_rules_and_hazard_and_it_is_said(typed):
    done = typed("backtest", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"]["chosen"] == "blend"
    reason = report["verdict"]["reasons"][0]
    assert "only 6 accounts churned in training (fewer than 20): rules" in reason
    assert "hazard, held back only" in reason
    assert not {"logistic", "gbm"} & set(report["scorers"])


BROKEN = {
    "an unknown key": (
        {"toml": TOML.replace("horizon_days", "horizon_day")},
        "CH003",
        "horizon_days",
    ),
    "an unknown key and a wrong word elsewhere": (
        {
            "toml": TOML.replace("horizon_days", "horizon_day")
            + '[model]\nseed = "many"\n'
        },
        "CH003",
        "the configuration has 2 problems",
    ),
    "a key that is missing since it is misspelt": (
        {"toml": TOML.replace("name =", "nam =")},
        "CH003",
        "the configuration has 1 problem:",
    ),
    "an unknown section": ({"toml": TOML + "[model_]\n"}, "CH003", "model"),
    "a question that needs contracts where there are none": (
        {"toml": '[sources]\n[[sources.events]]\nname = "use"\npath = "use.csv"\n'},
        "CH003",
        'ask [question] kind = "inactivity"',
    ),
    "the settings of a service": ({"toml": "[serve]\n"}, "CH003", "no [sources]"),
    "one table where there may be several": (
        {"toml": TOML.replace("[[sources.events]]", "[sources.events]")},
        "CH003",
        "sources.events: there may be several; write `[[sources.events]]`",
    ),
    "a word where there may be several": (
        {"toml": TOML + '[features]\nexclude = "use__*"\n'},
        "CH003",
        "features.exclude: there may be several; write a list, [...]",
    ),
    "a source's name with a blank": (
        {"toml": TOML.replace('name = "product"', 'name = "Seats Used"')},
        "CH003",
        "name: a name has small letters, digits and _, a letter first, such as"
        " 'seats_used'",
    ),
    "what is neither of two kinds": (
        {"toml": TOML + '[snapshots]\nevery = "30 days"\n'},
        "CH003",
        "snapshots.every: Input should be 'day', 'week', 'month', 'quarter' or"
        " 'half-year'; or: Input should be a valid integer",
    ),
    "no TOML": ({"toml": "kind = = 3"}, "CH002", "TOML"),
    "a missing file": ({"events": None}, "CH1", "events.csv"),
    "a missing column": (
        {"events": EVENTS.replace("happened_at", "when_it_was", 1)},
        "CH1",
        "when_it_was",
    ),
    "dates that cannot be read": (
        {"events": EVENTS.replace("2024-04-", "sometime ")},
        "CH1",
        "row",
    ),
    "an empty table": ({"events": "account_id,happened_at\n"}, "CH103", "no rows"),
    "a table of nothing": ({"events": ""}, "CH1", "events.csv"),
    "no contract at all": ({"contracts": "account_id,start,end\n"}, "CH1", ""),
    "one class only": (
        {"contracts": CONTRACTS.replace("2024-09-01\n", "2026-03-01\n")},
        "CH3",
        "no churn",
    ),
    "a file that is no text": ({"events": b"\x00\xff\xfe" * 50}, "CH1", ""),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("verb", ["backtest", "train"])
def test_bad_input_is_told_with_a_code_and_how_to_mend_it(typed, what, verb):
    given, code, words = BROKEN[what]
    done = typed(verb, **given)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.startswith(f"[{code}")
    assert "Why it matters:" in done.stderr
    assert "Fix:" in done.stderr
    assert words in done.stderr
    assert done.stdout == ""
