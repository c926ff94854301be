"""What a score would be if some features were other ones, and which few would help.

The model is asked again, nothing more: it knows what goes together, not what follows
from what. A suggestion names levels that similar accounts really have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from churnhealth.assessing import score_matrix
from churnhealth.bundle import Bundle
from churnhealth.errors import RequestError
from churnhealth.explain.telling import change_text, suggestion_text
from churnhealth.features.spec import FeatureSpec
from churnhealth.health.bands import BANDS
from churnhealth.scorers.card_points import POINT_CUTS
from churnhealth.sources.contract import Floats, Ints

__all__ = ["Change", "Suggestion", "changed_row", "suggest"]

_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)  # of the peers: nobody is asked to be a record
_FEWEST_PEERS = 20
_MOST_CHANGES = 3
_TRIED = 25  # features that are tried together: those that help most alone
# they grow by themselves: what somebody does can only make them smaller
_AGEING = (
    *("days_since", "days_since_noted", "days_since_change", "silence"),
    *("top_user_silence", "oldest_open", "oldest_overdue"),
)
_WHOLE = ("times", "days", "weeks", "months", "people", "kinds", "items", "terms")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One feature at another level; ``share`` of the peers are there or beyond."""

    feature: str
    label: str
    value: float | None
    to: float
    share: float
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """The fewest changes found that reach ``target``; none where nothing does."""

    band: str
    target: str | None
    changes: tuple[Change, ...]
    churn_probability: float
    new_probability: float | None
    sentence: str


def changed_row(bundle: Bundle, x: Floats, changes: Mapping[str, float]) -> Floats:
    """Give a row of features (F,) with some of them changed; NaN is not measured.

    Raises
    ------
    RequestError
        CH412 a name that is no feature of the model, or an infinite value.
    """
    unknown = set(changes) - set(bundle.names)
    if unknown or np.isinf([*changes.values()]).any():
        raise RequestError(
            "CH412",
            f"{len(unknown)} of the changes name no feature of this model"
            if unknown
            else "a changed value is infinite",
            why="the answer would be about another question than the one asked",
            fix="use the names of `churnhealth features` or GET /v1/features, and"
            " finite numbers (NaN = not measured)",
            where="changes",
        )
    row = x.copy()
    for name, value in changes.items():
        row[bundle.names.index(name)] = value
    return row


def suggest(bundle: Bundle, x: Floats, *, peers: Floats) -> Suggestion:
    """Look for the fewest actionable changes that reach a better colour.

    ``peers`` (m, F) are the features of similar accounts on the same day: only levels
    between their tenths and nine tenths are tried, only for features a CSM can act on,
    and only in the direction that a sensible business expects; of days that go by only
    fewer (an event can happen, it cannot be undone). One change is searched through;
    two and three among the features that help most alone. Colours are those
    that are shown: the model's, or without skill the rules'.
    """
    p = _told(bundle, x)
    level = _level(bundle, x)
    band = BANDS[level]
    if level == 0:
        return _nothing(band, None, p)
    goal = _goals(bundle)[level - 1]
    target = BANDS[level - 1]
    tried = _candidates(bundle.specs, x, peers)
    if not tried:
        return _nothing(band, target, p)
    found = _search(bundle, x, tried, goal)
    if found is None:
        return _nothing(band, target, p)
    changes = tuple(
        _change(bundle.specs[j], x[j], value, peers[:, j]) for j, value in found
    )
    new = _told(bundle, _with(x, found))
    target = BANDS[_level(bundle, _with(x, found))]
    return Suggestion(
        band=band,
        target=target,
        changes=changes,
        churn_probability=p,
        new_probability=new,
        sentence=suggestion_text(target, new, [c.sentence for c in changes]),
    )


def _nothing(band: str, target: str | None, p: float) -> Suggestion:
    return Suggestion(
        band=band,
        target=target,
        changes=(),
        churn_probability=p,
        new_probability=None,
        sentence=suggestion_text(target, None, []),
    )


Step = tuple[int, float]


def _told(bundle: Bundle, x: Floats) -> float:
    """Give the probability to the bit that scores have."""
    return float(score_matrix(bundle, x[None, :]).explained.probability[0])


def _level(bundle: Bundle, x: Floats) -> int:
    if bundle.skill:  # to the bit, as scores have it
        return int(bundle.cuts.level(np.array([_told(bundle, x)]))[0])
    return int(sum(_risk(bundle, x[None, :])[0] >= goal for goal in _goals(bundle)))


def _goals(bundle: Bundle) -> Sequence[float]:
    """Give what the risk must lie below to be green, yellow, orange."""
    if bundle.skill:
        return bundle.cuts.cuts
    # points reach a colour at its cut, and a risk lies below its goal
    return [float(np.nextafter(-cut, np.inf)) for cut in reversed(POINT_CUTS)]


def _risk(bundle: Bundle, X: Floats) -> Floats:
    """Give what the shown colour goes by, high is bad: the chance, or points turned."""
    if bundle.skill:
        return _probability(bundle, X)
    return -np.nan_to_num(bundle.rules.points(X))


def _probability(bundle: Bundle, X: Floats) -> Floats:
    # The parts' sum: who serves has them ready, and LightGBM takes seconds to import.
    return bundle.calibrator.probability(bundle.scorer.contributions(X).sum(axis=1))


def _with(x: Floats, steps: Sequence[Step]) -> Floats:
    row = x.copy()
    for j, value in steps:
        row[j] = value
    return row


def _candidates(
    specs: Sequence[FeatureSpec], x: Floats, peers: Floats
) -> dict[int, Floats]:
    """List, per feature that could be acted on, the levels to try, nearest first."""
    found = {}
    for j, spec in enumerate(specs):
        known = peers[~np.isnan(peers[:, j]), j]
        if not spec.actionable or np.isnan(x[j]) or known.size < _FEWEST_PEERS:
            continue
        levels = np.unique(np.quantile(known, _LEVELS))
        if spec.unit in _WHOLE:
            levels = np.unique(np.round(levels))
        way = 1 if spec.kind in _AGEING else spec.direction
        levels = levels[(levels != x[j]) & ((levels - x[j]) * way <= 0)]
        if levels.size:
            found[j] = levels[np.argsort(np.abs(levels - x[j]), kind="stable")]
    return found


def _search(
    bundle: Bundle, x: Floats, tried: Mapping[int, Floats], goal: float
) -> list[Step] | None:
    steps = [(j, float(v)) for j, levels in tried.items() for v in levels]
    alone = _risk(bundle, np.array([_with(x, [s]) for s in steps]))
    if (alone < goal).any():
        # the nearest level of the feature whose move reaches furthest
        reaching = [k for k in range(len(steps)) if alone[k] < goal]
        return _nearest(bundle, x, [steps[min(reaching, key=lambda k: alone[k])]],
                        tried, goal)  # fmt: skip
    best = _best_of_each(steps, alone)
    for size in range(2, _MOST_CHANGES + 1):
        sets = [list(s) for s in combinations(best, size)]
        if not sets:
            return None
        p = _risk(bundle, np.array([_with(x, s) for s in sets]))
        if p.min() < goal:
            return _nearest(bundle, x, sets[int(p.argmin())], tried, goal)
    return None


def _best_of_each(steps: Sequence[Step], p: Floats) -> list[Step]:
    order: Ints = np.argsort(p, kind="stable")
    best: dict[int, Step] = {}
    for k in order.tolist():
        best.setdefault(steps[k][0], steps[k])
    return list(best.values())[:_TRIED]


def _nearest(
    bundle: Bundle,
    x: Floats,
    steps: Sequence[Step],
    tried: Mapping[int, Floats],
    goal: float,
) -> list[Step]:
    """Take every change back to the smallest that still reaches the goal."""
    kept = list(steps)
    for at, (j, _) in enumerate(steps):
        options = [[*kept[:at], (j, float(v)), *kept[at + 1 :]] for v in tried[j]]
        p = _risk(bundle, np.array([_with(x, o) for o in options]))
        reaching: NDArray[np.intp] = np.flatnonzero(p < goal)
        if reaching.size:
            kept = options[int(reaching[0])]  # levels are tried nearest first
    return kept


def _change(spec: FeatureSpec, value: float, to: float, peers: Floats) -> Change:
    known = peers[~np.isnan(peers)]
    beyond = known >= to if to > value else known <= to
    share = float(beyond.mean())
    return Change(
        feature=spec.name,
        label=spec.label,
        value=float(value),
        to=to,
        share=share,
        sentence=change_text(spec, float(value), to, share),
    )
