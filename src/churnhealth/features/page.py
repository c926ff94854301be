"""The page that lists every kind of feature, written from the kinds themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from churnhealth.features.kind import Family, Kind
from churnhealth.features.kinds import KINDS

__all__ = ["features_page"]

_HEADINGS: Mapping[Family, str] = {
    "events": "Events",
    "planned": "Planned events",
    "states": "States",
    "contracts": "Contracts",
    "accounts": "Profile",
}
_HEAD = """\
# Features

A feature names itself: `source__item__kind__28d`. The item is an event, a state or an
attribute level (`all` = every event of the source); the last part is the window.
Seen from `as_of`, a window of 28 days is `[as_of - 28, as_of)`, and only rows with
`known_at < as_of` are read.

**0 or missing.** Silence is a signal: a count is 0 when its source covers the whole
window. It is missing when the source had not begun, reports with more delay than the
window is long, or has been silent for longer than `max(7, twice its longest wait so far
for a later day)`. The account's own age is no reason to be missing.

**Risk.** `+` more means more risk, `-` more means less, only in the categories named;
blank where that is not for us to say. **Act.** A CSM can do something about it;
of events in the category `contract` (invoices) only about what is open or took long.

## How many

At most 200 are made by default (`[features] most`); features of your own, and those
that a scorecard reads, come on top. Where the data could feed more, what tells least
beyond its neighbours gives way first:

1. trends of single events;
2. windows of single events besides the middle one;
3. what follows from other features of the source (`days_lasted`, `mean_gap`, `silence`,
   `days_since_noted`);
4. windows of whole sources besides the middle one;
5. single events, the rarest first;
6. and only then whole sources, each cut to a fair share.

An attribute with no values but numbers is one feature, its number; where it has at most
eight of them they may be codes, and are levels too. A longer code in digits alone would
be read as a number: give it a letter with `sql`.

An eighth of the room is the profile's, shared by its attributes. `train` and `backtest`
say how many features of which source there was no room for; `backtest --json` names
them (`crowded_out`).

## Your own

Any kind over any item and window, beside the defaults or in place of the
one of the same name ([configuration.md](configuration.md) lists the keys):

```toml
[[features.own]]
source = "product"
kind = "active_days"
item = "export"
days = 45
label = "Days with exports, 45 days"
direction = -1

[[features.own]]                 # a CSM's pulse counts for 60 days, then it has expired
source = "pulse"
kind = "fresh"
item = "pulse"
days = 60

[[features.own]]                 # a milestone of onboarding: a first goal by day 90
source = "goals"
kind = "done_by"
days = 90

[[features.own]]                 # a rare level; "plan=pro" of contracts
source = "accounts"
kind = "is"
item = "country=PL"

[[features.own]]                 # does the contract end within half a year?
source = "contracts"
kind = "ends_within"
days = 182
```

In Python it is the same, as a keyword:

```python
import churnhealth as ch

exports = {"source": "product", "kind": "active_days", "item": "export", "days": 45}
data = ch.simulate_company(accounts=200)
table = data.training_set(features={"own": [exports]})
assert table.X["product__export__active_days__45d"].max() > 0
```

A kind that reads a column the source does not have (`user_id`, `amount`, `ended_at`,
seats) is refused. A source of one state needs no `item`.
"""


def features_page() -> str:
    """Write docs/features.md.

    >>> features_page().splitlines()[0]
    '# Features'
    """
    return "\n".join([_HEAD, *_tables()]) + "\n"


def _tables() -> Iterator[str]:
    for family, heading in _HEADINGS.items():
        yield f"## {heading}\n"
        yield "| kind | what it measures | unit | window | risk | act |"
        yield "|---|---|---|---|---|---|"
        for name, kind in KINDS.items():
            if kind.family == family:
                yield _row(name, kind)
        yield ""


def _row(name: str, kind: Kind) -> str:
    sign = {1: "+", -1: "-", 0: ""}[kind.direction]
    risk = f"{sign} ({', '.join(kind.sure_in)})" if sign else ""
    window, act = ("yes" if flag else "" for flag in (kind.windowed, kind.actionable))
    return f"| `{name}` | {kind.means} | {kind.unit} | {window} | {risk} | {act} |"
