"""The default features: they follow what the data hold, as known before a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from churnhealth.categories import Category
from churnhealth.features.profile import attribute_specs
from churnhealth.features.room import within_room
from churnhealth.features.spec import FeatureSpec, feature, slugs
from churnhealth.sources.contract import FAR, EventLog, History, Ints, StateLog

__all__ = ["MOST_FEATURES", "default_specs"]

MOST_FEATURES = 200
_MOST_STATES = 12
_PLANNED_DAYS = 14

_SPAN = 1 << 25

Specs = Iterator[FeatureSpec]
Known = NDArray[np.bool_]


class Make(Protocol):
    """Build a feature over all events of one source."""

    def __call__(self, kind: str, days: int | None = None) -> FeatureSpec: ...


def default_specs(
    history: History,
    *,
    windows_days: Sequence[int] = (7, 28, 90),
    top_events: int = 12,
    known_before: int,
    ends_within: int | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    also: Collection[str] = (),
    most: int = MOST_FEATURES,
    seats: tuple[str, str] | None = None,
    crowded_out: Callable[[Sequence[str]], object] | None = None,
) -> tuple[FeatureSpec, ...]:
    """Choose the features that this history can feed, in a fixed order.

    Only rows with ``known_at < known_before`` are looked at, so a choice made for
    training cannot know what came later. ``include`` and ``exclude`` are patterns on
    names (``product__*``); what is excluded stays out even if it is included. At most
    ``most`` are kept (`room.py` says which); ``crowded_out`` is told the others' names.
    ``ends_within`` asks whether a known end of cover lies in the question's own window.
    ``seats`` are the source and the state that say how many seats there are.
    Features named in ``also`` (those of a scorecard) are there whenever they can be.
    """

    def wanted(spec: FeatureSpec) -> bool:
        kept = not include or any(fnmatchcase(spec.name, p) for p in include)
        return kept and not any(fnmatchcase(spec.name, p) for p in exclude)

    windows = sorted(set(windows_days))
    noted = seats is not None and _noted(history, *seats, known_before)
    frame = [
        *_contracts(history, known_before, ends_within, noted=noted),
        *_states(history, windows, known_before),
    ]
    for log in history.events:
        frame.extend(_source(history, log, windows, known_before, noted=noted))
    for specs in _by_rank(history, windows, top_events, known_before):
        frame.extend(specs)
    frame.extend(attribute_specs(history, known_before))
    asked = [spec for spec in frame if wanted(spec)]
    kept = within_room(asked, most=most, middle=_middle(windows))
    named = set(also) - {spec.name for spec in kept}
    possible = _everything(history, windows, known_before, noted=noted) if named else ()
    made = (*kept, *(spec for spec in possible if spec.name in named))
    if crowded_out is not None:
        names = {spec.name for spec in made}
        crowded_out([spec.name for spec in asked if spec.name not in names])
    return made


def _everything(
    history: History, windows: Sequence[int], known_before: int, *, noted: bool
) -> Iterator[FeatureSpec]:
    """Yield every feature of the windows, whether it is a sensible default or not."""
    for log in history.events:
        yield from _source(history, log, windows, known_before, noted=noted, dense=True)
    most = max((len(log.vocabulary) for log in history.events), default=0)
    for specs in _by_rank(history, windows, most, known_before, dense=True):
        yield from specs
    yield from attribute_specs(history, known_before)


def _middle(windows: Sequence[int]) -> int:
    return windows[len(windows) // 2]


def _source(
    history: History,
    log: EventLog,
    windows: Sequence[int],
    known_before: int,
    *,
    noted: bool,
    dense: bool = False,
) -> Specs:
    """Yield the features over all events of one source."""
    known = log.known_at < known_before
    rows = _rows_by_event(log, known)
    if not rows.any():
        return
    category = _category(log, rows)

    def make(kind: str, days: int | None = None) -> FeatureSpec:
        return feature(kind, source=log.name, days=days, category=category)

    middle, widest = _middle(windows), windows[-1]
    yield make("days_since")
    yield make("days_since_first")
    if log.planned:
        yield make("days_to_next")
        yield make("ahead", _PLANNED_DAYS)
    else:
        yield from _habit(make)
    if log.ended_at is not None:
        yield from _endings(log, middle, make)
    if dense or _is_dense(log, known):
        yield from _rhythm(windows, make, several=bool((rows > 0).sum() > 1))
    else:
        if not log.planned:
            yield make("longer_gaps")
        for days in dict.fromkeys((middle, widest)):
            yield make("count", days)
        yield make("trend", widest)
    seats = noted or _contract_column(history, "seats", known_before)
    yield from _people(log, known, windows, make, seats=seats)
    if log.amount is not None and np.isfinite(log.amount[known]).any():
        for days in dict.fromkeys((middle, widest)):
            yield make("sum", days)
        yield make("mean", widest)
        yield make("sum_trend", middle)


def _habit(make: Make) -> Specs:
    """Yield how much so far and how regular: repeats, recency, age, silence."""
    yield make("total_days")
    yield make("days_lasted")
    yield make("mean_gap")
    yield make("silence")


def _endings(log: EventLog, days: int, make: Make) -> Specs:
    """Yield what is open or overdue, and how long things take."""
    if not log.planned:
        yield make("open")
        yield make("oldest_open")
        yield make("days_to_end", days)
        return
    yield make("overdue")
    yield make("oldest_overdue")
    yield make("missed", days)
    yield make("done_share")
    yield make("late_share")
    yield make("mean_delay")
    yield make("last_delay")


def _is_dense(log: EventLog, known: Known) -> bool:
    """Say whether accounts that do it at all do it at least weekly."""
    days = log.account[known] * _SPAN + log.happened_at[known]  # sorted as events are
    days = days[np.diff(days, prepend=-1) > 0]
    accounts = days // _SPAN
    first = np.flatnonzero(np.diff(accounts, prepend=-1))
    spans = np.diff(np.append(first, days.size))
    lived = days[first + spans - 1] - days[first] + 1
    return bool(days.size >= lived.sum() / 7)


def _rhythm(windows: Sequence[int], make: Make, *, several: bool) -> Specs:
    """Yield what only makes sense of things done often."""
    for days in windows:
        yield make("count", days)
        yield make("active_days", days)
        yield make("trend", days)
        if several:
            yield make("breadth", days)
    middle = _middle(windows)
    yield make("total")
    for days in dict.fromkeys((middle, windows[-1])):
        yield make("per_week", days)
    yield make("fading", windows[0])
    if windows[-1] >= 14:
        yield make("unevenness", windows[-1])
    yield make("own_norm", middle)
    yield make("own_life", middle)
    yield make("active_days_trend", middle)
    if middle >= 14:
        yield make("active_weeks", middle)


def _people(
    log: EventLog, known: Known, windows: Sequence[int], make: Make, *, seats: bool
) -> Specs:
    middle = _middle(windows)
    user = None if log.user is None else log.user[known]
    if user is not None and (user >= 0).any():
        for days in windows:
            yield make("active_users", days)
            yield make("active_users_trend", days)
        yield make("silent_users", middle)
        yield make("per_user", middle)
        yield make("top_user_share", middle)
        yield make("top_user_silence", windows[-1])
        if (user < 0).any():
            yield make("automation", middle)
            yield make("automation_shift", middle)
        if seats:
            yield make("users_share", middle)
    item = None if log.item is None else log.item[known]
    if item is not None and _come_again(item):
        for days in windows:
            yield make("items", days)
            yield make("items_trend", days)
    if log.users is not None and np.isfinite(log.users[known]).any():
        for days in windows:
            yield make("mean_users", days)
        yield make("mean_users_trend", middle)
        if seats:
            yield make("mean_users_share", middle)


def _come_again(item: Ints) -> bool:
    """Say whether items are met more than once: one met once is an id."""
    given = item[item >= 0]
    return 2 * np.unique(given).size <= given.size > 0


def _by_rank(
    history: History,
    windows: Sequence[int],
    top_events: int,
    known_before: int,
    *,
    dense: bool = False,
) -> Iterator[list[FeatureSpec]]:
    """Yield the features of single events: the most frequent of each source first."""
    ranked = [(log, _top(log, top_events, known_before)) for log in history.events]
    for rank in range(top_events):
        for log, names in ranked:
            if rank < len(names) > 1:
                slug = slugs(names)[names[rank]]
                yield _single(log, names[rank], slug, windows, dense=dense)


def _single(
    log: EventLog, item: str, slug: str, windows: Sequence[int], *, dense: bool
) -> list[FeatureSpec]:
    category = cast("Category", log.categories[log.vocabulary.index(item)])
    middle, widest = _middle(windows), windows[-1]
    counted = windows if dense else tuple(dict.fromkeys((middle, widest)))
    moving = windows if dense else (middle,)
    kinds: list[tuple[str, int | None]] = [("count", days) for days in counted]
    kinds += [("trend", days) for days in moving]
    kinds.append(("days_since", None))
    if log.user is not None:
        kinds += [("reach", days) for days in moving]
    return [
        feature(
            kind, source=log.name, item=item, slug=slug, days=days, category=category
        )
        for kind, days in kinds
    ]


def _top(log: EventLog, most: int, known_before: int) -> list[str]:
    rows = _rows_by_event(log, log.known_at < known_before)
    order = sorted(range(rows.size), key=lambda c: (-int(rows[c]), log.vocabulary[c]))
    return [log.vocabulary[code] for code in order[:most] if rows[code]]


def _rows_by_event(log: EventLog, known: Known) -> Ints:
    return np.bincount(log.event[known], minlength=len(log.vocabulary))


def _category(log: EventLog, rows: Ints) -> Category:
    total: Counter[str] = Counter()
    for code, name in enumerate(log.categories):
        total[name] += int(rows[code])
    return cast("Category", min(total, key=lambda name: (-total[name], name)))


def _states(history: History, windows: Sequence[int], known_before: int) -> Specs:
    for log in history.states:
        items = _states_known(log, known_before)[:_MOST_STATES]
        names = slugs(items)
        for item in items:
            category = cast("Category", log.categories[log.vocabulary.index(item)])
            for kind, days in (
                ("latest", None),
                ("average", None),
                ("change", windows[-1]),
                ("days_since_noted", None),
                ("days_since_change", None),
            ):
                yield feature(
                    kind,
                    source=log.name,
                    item=item,
                    slug=names[item],
                    days=days,
                    category=category,
                )


def _states_known(log: StateLog, known_before: int) -> list[str]:
    """List the states of which something was known, those with most rows first."""
    known = log.known_at < known_before
    rows = np.bincount(log.state[known], minlength=len(log.vocabulary))
    order = sorted(range(rows.size), key=lambda c: (-int(rows[c]), log.vocabulary[c]))
    return [log.vocabulary[code] for code in order if rows[code]]


def _noted(history: History, source: str, state: str, known_before: int) -> bool:
    """Say whether anything was known of a state."""
    return any(
        state in _states_known(log, known_before)
        for log in history.states
        if log.name == source
    )


def _contracts(
    history: History, known_before: int, ends_within_days: int | None, *, noted: bool
) -> Specs:
    contracts = history.contracts
    if contracts is None or not (contracts.known_at < known_before).any():
        return
    kinds = ["tenure", "renewals"]
    known = contracts.known_at < known_before
    if contracts.renews_months or (contracts.end[known] < FAR).any():
        kinds.insert(1, "days_to_renewal")
    if _contract_column(history, "value", known_before):
        kinds += ["value", "value_change"]
    if _contract_column(history, "seats", known_before):
        kinds += ["seats", "seats_change"]
    kinds += _prices(kinds, noted=noted)
    if "days_to_renewal" in kinds or _contract_column(
        history, "term_months", known_before
    ):
        kinds.append("term_months")
    if _contract_column(history, "discount", known_before):
        kinds.append("discount")
    for kind in kinds:
        yield feature(kind, source="contracts", category="contract")
    if ends_within_days is not None and "days_to_renewal" in kinds:
        yield feature(
            "ends_within",
            source="contracts",
            days=ends_within_days,
            category="contract",
        )


def _prices(kinds: Collection[str], *, noted: bool) -> list[str]:
    """List what is told of the price of a seat; a state tells no term before."""
    if "value" not in kinds:
        return []
    return ["price", "price_change"] if "seats" in kinds else ["price"] * noted


def _contract_column(history: History, name: str, known_before: int) -> bool:
    """Tell whether a contract column says anything."""
    if history.contracts is None:
        return False
    known = history.contracts.known_at < known_before
    return bool(np.isfinite(getattr(history.contracts, name)[known]).any())
