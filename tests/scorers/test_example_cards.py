"""The two cards shipped for other companies do what they say, on real features."""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from churnhealth.config import parse_config
from churnhealth.features.kernel import compute
from churnhealth.features.library import default_specs
from churnhealth.scorers.card import read_card
from churnhealth.scorers.rules import RuleScorer
from churnhealth.sources.contract import day_of
from churnhealth.sources.load import load

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TODAY = date(2025, 12, 1)


def ago(days):
    return str(TODAY - timedelta(days=days))


def write(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def scored(folder, card, sources):
    """Load the tables, measure what the card reads, and colour every account."""
    question = {"kind": "inactivity"} if "contracts" not in sources else {}
    config = parse_config({"sources": sources, "question": question}, folder=folder)
    history = load(config).history
    card = read_card(EXAMPLES / card)
    specs = default_specs(history, known_before=day_of(TODAY), also=card.features)
    n = history.accounts.ids.size
    X = compute(
        history,
        specs,
        account=np.arange(n),
        as_of=np.full(n, day_of(TODAY)),
        gap_days=30,
    )
    names = tuple(spec.name for spec in specs)
    rules = RuleScorer(feature_names=names, card=card, specs=specs)
    rules.fit(X, np.arange(n) % 2)
    colours = dict(zip(history.accounts.ids, rules.bands(X), strict=True))
    told = {
        i: rules.reasons(x)[0] for i, x in zip(history.accounts.ids, X, strict=True)
    }
    return colours, told


def uses(account, users, *, event="login", days=(1, 3, 5)):
    return [(account, ago(day), event, f"u{user}") for user in users for day in days]


BEFORE = (30, 40)  # in the four weeks before the last four
USE = {
    # nine of ten users, five of them import every week, and more use than before
    "import": [
        *uses("import", range(9)),
        *uses("import", range(5), event="import", days=(2,)),
        *uses("import", range(4), days=BEFORE),
    ],
    "export": [
        *uses("export", range(9)),
        *uses("export", range(5), event="export", days=(2,)),
        *uses("export", range(4), days=BEFORE),
    ],
    "letters": [
        *uses("letters", range(9)),
        *uses("letters", range(5), event="newsletter", days=(2,)),
        *uses("letters", range(4), days=BEFORE),
    ],
    # all is as above, but exactly 80 % of the users are active: not over 80 %
    "eighty": [
        *uses("eighty", range(8)),
        *uses("eighty", range(5), event="import", days=(2,)),
        *uses("eighty", range(4), days=BEFORE),
    ],
    # four of nine import, four export, four send newsletters: none of them half
    "few": [
        *uses("few", range(9)),
        *uses("few", range(4), event="import", days=(2,)),
        *uses("few", range(4), event="export", days=(2,)),
        *uses("few", range(4), event="newsletter", days=(2,)),
    ],
    # half import, but not lately: that is not regularly
    "lately": [
        *uses("lately", range(9)),
        *uses("lately", range(9), event="import", days=(20,)),
    ],
    # as much use as before: not rising
    "level": [
        *uses("level", range(9)),
        *uses("level", range(9), event="import", days=(2,)),
        *uses("level", range(9), days=(29, 30, 31, 32)),
    ],
    # two of ten users are left, with a quarter of the use
    "falling": [
        *uses("falling", range(2), days=(1,)),
        *uses("falling", range(8), days=BEFORE),
    ],
    # all was well until three weeks ago
    # the source reaches back far enough for every window to be measured
    "elder": uses("elder", range(1), days=(150,)),
    "silent": uses("silent", range(9), event="import", days=(21, 22)),
    "young": [
        *uses("young", range(5)),
        *uses("young", range(1), event="newsletter", days=(2,)),
    ],
}


@pytest.fixture(scope="module")
def mailing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mailing")
    terms = [
        (account, ago(30) if account == "young" else ago(200), ago(-300), 10)
        for account in USE
    ]
    write(folder / "terms.csv", ("id", "from", "to", "seats"), terms)
    rows = [row for account in USE.values() for row in account]
    write(folder / "use.csv", ("id", "day", "event", "user"), rows)
    sources = {
        "contracts": {
            "path": "terms.csv",
            "columns": {
                "account_id": "id",
                "start": "from",
                "end": "to",
                "seats": "seats",
            },
        },
        "events": [
            {
                "name": "product",
                "path": "use.csv",
                "columns": {
                    "account_id": "id",
                    "happened_at": "day",
                    "event": "event",
                    "user_id": "user",
                },
            }
        ],
    }
    return scored(folder, "rules-email-marketing.toml", sources)


def test_adoption_is_green_with_active_users_one_key_use_and_rising_use(mailing):
    colours, told = mailing
    assert [colours[a] for a in ("import", "export", "letters")] == ["green"] * 3
    assert told["export"] == (
        "green because: share of users active in 4 weeks above 80 % (90 %)"
        " AND users exporting in the last week at least 50 % (56 %)"
        " AND use is rising"
    )


@pytest.mark.parametrize(
    ("account", "lacks"),
    [
        ("eighty", "share of users active in 4 weeks above 80 % (80 %)"),
        ("few", "users exporting in the last week at least 50 % (44 %)"),
        ("lately", "users importing in the last week at least 50 % (0 %)"),
        ("level", "use is rising (0 %)"),
    ],
)
def test_adoption_lacking_one_of_them_is_yellow_and_says_which(mailing, account, lacks):
    colours, told = mailing
    assert colours[account] == "yellow"
    assert lacks in told[account].split("not green")[1]


def test_adoption_is_red_when_users_leave_or_nobody_comes(mailing):
    colours, told = mailing
    assert colours["falling"] == colours["silent"] == "red"
    assert told["silent"] == "red because: 21 days since the last product event"


def test_a_young_account_is_judged_by_its_own_stage(mailing):
    colours, _ = mailing
    assert colours["young"] == "green"


ACADEMY = {  # visits, unanswered contacts, answer
    "all bad": (3, 5, 2),
    "one visit too many": (4, 5, 2),
    "one contact too few": (3, 4, 2),
    "no bad survey": (3, 5, 7),
    "all good": (8, 0, 9),
    "not all good": (8, 1, 9),
}


@pytest.fixture(scope="module")
def academy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("academy")
    visits, contacts, answers = [], [], []
    visits.append(("not all good", ago(120)))  # older than the window, so it is whole
    for account, (visited, waiting, answer) in ACADEMY.items():
        visits += [(account, ago(1 + i)) for i in range(visited)]
        contacts += [(account, ago(9 + i), "") for i in range(waiting)]
        contacts += [(account, ago(60), ago(50))]  # one was answered
        answers += [(account, ago(12), "nps", answer)]
    write(folder / "academy.csv", ("id", "day"), visits)
    write(folder / "contacts.csv", ("id", "day", "answered"), contacts)
    write(folder / "surveys.csv", ("id", "day", "question", "answer"), answers)
    when = {"account_id": "id", "happened_at": "day"}
    sources = {
        "events": [
            {"name": "academy", "path": "academy.csv", "columns": when},
            {
                "name": "contacts",
                "path": "contacts.csv",
                "columns": {**when, "ended_at": "answered"},
            },
        ],
        "states": [
            {
                "name": "surveys",
                "path": "surveys.csv",
                "columns": {
                    "account_id": "id",
                    "known_at": "day",
                    "state": "question",
                    "value": "answer",
                },
            }
        ],
    }
    return scored(folder, "rules-red-yellow-green.toml", sources)


def test_red_needs_every_bad_sign_and_green_every_good_one(academy):
    colours, _ = academy
    assert colours == {
        "all bad": "red",
        "one visit too many": "yellow",
        "one contact too few": "yellow",
        "no bad survey": "yellow",
        "all good": "green",
        "not all good": "yellow",
    }


def test_the_rule_is_said_in_words_account_by_account(academy):
    _, told = academy
    assert told["all bad"] == (
        "red because: fewer than 4 academy visits AND 5 unanswered contacts"
        " AND negative survey"
    )
    assert told["all good"] == (
        "green because: 8 academy visits AND no unanswered contacts AND glowing survey"
    )
    assert told["one visit too many"] == (
        "yellow because: Relationship is not red (it would take fewer than 4 academy"
        " visits (4)) and not green (it would take at least 8 academy visits (4) AND no"
        " unanswered contacts (5) AND glowing survey (2))"
    )
