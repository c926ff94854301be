"""Which features moved a score, and by how much: sums that add up exactly.

A scorer parts its margin into one contribution per feature and a base. The calibrator
is affine in the margin, so the parts stay exact after it::

    log_odds = base_log_odds + sum(effects)
    100 * (probability - base_probability) = sum(effect_points)

Effects are log-odds; points are the same effects said in percentage points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.explain.columns import named_by, ranked
from churnhealth.explain.wording import Say, among_few
from churnhealth.features.spec import FeatureSpec
from churnhealth.scorers.curves import sigmoid
from churnhealth.sources.contract import Days, Floats, Ints, Texts

__all__ = [
    "Explained",
    "category_log_odds",
    "cells",
    "driver_table",
    "explain_margin",
    "probability_per_log_odds",
    "roll_up",
]

_SAME = 1e-9
"""How far the base of two rows may differ and still be one number."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Explained:
    """Calibrated scores of n accounts, and what each of F features did to them.

    ``effects`` are in log-odds and sum to ``log_odds - base_log_odds``; ``points`` are
    in probability (0.05 = 5 percentage points) and sum to
    ``probability - base_probability``. Both have the sign of the effect.
    """

    log_odds: Floats
    probability: Floats
    base_log_odds: float
    base_probability: float
    effects: Floats
    points: Floats


def explain_margin(
    contributions: Floats,
    *,
    slope: float,
    intercept: float,
    bent: Callable[[Floats], Floats] | None = None,
) -> Explained:
    """Say how far each feature moved each account from the common start.

    ``contributions`` is (n, F + 1): one column per feature, the last one the base.
    ``slope`` and ``intercept`` are the calibrator's, ``bent`` its steps, where it has
    any: a row's effects are then scaled alike, by how much the steps stretch its way
    from the start, so that they still add up. No rows means no start: the base
    is then NaN.

    Raises
    ------
    ValueError
        The base differs between rows, or a number is not finite: the parts would no
        longer mean what they say.

    >>> parts = np.array([[0.5, -0.25, -2.0], [0.0, 0.0, -2.0]])
    >>> why = explain_margin(parts, slope=2.0, intercept=1.0)
    >>> why.base_log_odds, why.log_odds.tolist(), why.effects[0].tolist()
    (-3.0, [-2.5, -3.0], [1.0, -0.5])
    >>> bool(np.isclose(why.points[0].sum(), why.probability[0] - why.base_probability))
    True
    """
    parts = np.asarray(contributions, dtype=np.float64)
    if parts.ndim != 2 or parts.shape[1] < 1:
        raise ValueError(f"contributions are (n, F + 1), not {parts.shape}")
    line_known = math.isfinite(slope) and math.isfinite(intercept)
    if not (line_known and np.isfinite(parts).all()):
        raise ValueError("a contribution that is not finite explains nothing")
    base = _base(parts[:, -1], slope=slope, intercept=intercept)
    effects = np.multiply(slope, parts[:, :-1], order="C")  # one order of summing
    moved = effects.sum(axis=1)
    log_odds = base + moved
    if bent is not None:
        straight, base = base, float(bent(np.array([base]))[0])
        log_odds = bent(straight + moved)
        factor = np.zeros_like(moved)
        np.divide(log_odds - base, moved, out=factor, where=moved != 0)
        effects = effects * factor[:, None]
        moved = log_odds - base
    return Explained(
        log_odds=log_odds,
        probability=sigmoid(log_odds),
        base_log_odds=base,
        base_probability=_probability(base),
        effects=effects,
        points=effects * probability_per_log_odds(base, moved)[:, None],
    )


def _base(column: Floats, *, slope: float, intercept: float) -> float:
    if not len(column):
        return float("nan")
    apart = column.max() - column.min()
    if apart > _SAME:
        raise ValueError(
            f"the base differs between rows by {apart:.3g}:"
            " effects of different rows could not be compared"
        )
    return float(slope * column[0] + intercept)


@lru_cache(maxsize=8)  # a model has one base
def _probability(z: float) -> float:
    return float(sigmoid(np.array([z]))[0])


def probability_per_log_odds(start: Floats | float, moved: Floats) -> Floats:
    """Give (p - p_start) / (z - z_start), exact also where both differences vanish.

    sigmoid(a + d) - sigmoid(a) = sinh(d / 2) / (2 cosh(a / 2) cosh((a + d) / 2)).
    Written in exponentials of negative numbers nothing overflows or cancels: the limit
    p(1 - p) needs no threshold, and the quotient is never negative.

    >>> probability_per_log_odds(0.0, np.array([0.0, 1e-300, 1e-9, 40.0])).tolist()
    [0.25, 0.25, 0.25, 0.0125]
    """
    d, a, b = np.abs(moved), np.abs(start), np.abs(start + moved)
    quotient = np.ones(d.shape)
    np.divide(np.expm1(-d), -d, out=quotient, where=d > 0)
    outside = np.exp(np.minimum((d - a - b) / 2, 0.0))
    slope: Floats = outside * quotient / ((1.0 + np.exp(-a)) * (1.0 + np.exp(-b)))
    return slope


def category_log_odds(
    explained: Explained, categories: Sequence[str]
) -> dict[str, Floats]:
    """Say what the score would be from one category's effects alone, in log-odds.

    ``categories`` names the category of each feature, in column order. A category
    without a feature is absent: nothing is known of it.

    >>> why = explain_margin(np.array([[0.5, 1.0, 2.0, -2.0]]), slope=1, intercept=0)
    >>> found = category_log_odds(why, ["usage", "contract", "usage"])
    >>> {name: z.tolist() for name, z in found.items()}
    {'contract': [-1.0], 'usage': [0.5]}
    """
    if len(categories) != explained.effects.shape[1]:
        raise ValueError("one category per feature is needed, in column order")
    names, columns, start = _grouped(tuple(categories))
    if not names:
        return {}
    # `take` keeps rows together, so that one row is summed in the order of many
    sums = np.add.reduceat(explained.effects.take(columns, axis=1), start, axis=1)
    return dict(zip(names, (explained.base_log_odds + sums).T, strict=True))


def roll_up(explained: Explained, groups: Sequence[str]) -> dict[str, Floats]:
    """Add up the percentage points of each group of features, account by account.

    ``groups`` names the group of each feature in column order: its category, its event,
    its story. All groups together are ``100 * (probability - base_probability)``.

    >>> why = explain_margin(np.array([[0.5, 1.0, 2.0, -2.0]]), slope=1, intercept=0)
    >>> found = roll_up(why, ["usage", "contract", "usage"])
    >>> {name: points.round(1).tolist() for name, points in found.items()}
    {'contract': [20.0], 'usage': [49.9]}
    """
    return {
        name: 100.0 * explained.points.take(columns, axis=1).sum(axis=1)
        for name, columns in _columns_of(tuple(groups))
    }


@lru_cache(maxsize=64)
def _columns_of(categories: tuple[str, ...]) -> tuple[tuple[str, Ints], ...]:
    of_column = np.array(categories, dtype=object)
    names = sorted(set(categories))
    return tuple((name, np.flatnonzero(of_column == name)) for name in names)


@lru_cache(maxsize=64)
def _grouped(categories: tuple[str, ...]) -> tuple[tuple[str, ...], Ints, Ints]:
    """Give the names of groups, the columns group by group, and where each begins."""
    groups = _columns_of(categories)
    columns = [columns for _, columns in groups]
    start = np.cumsum([0, *map(len, columns)])[:-1]
    return (
        tuple(name for name, _ in groups),
        np.concatenate([np.zeros(0, np.int64), *columns]),
        start.astype(np.int64),
    )


def driver_table(
    explained: Explained,
    specs: Sequence[FeatureSpec],
    *,
    account_ids: Texts,
    as_of: Days | date,
    values: Floats,
    past: Floats | None = None,
    peers: Floats | None = None,
    tenths: tuple[Floats, Ints] | None = None,
    related: Ints | None = None,
    top: int | None = None,
    worded: int = 5,
) -> dict[str, NDArray[Any]]:
    """List every account's drivers, strongest first, as ``drivers.parquet`` has them.

    ``values`` (n, F) are the features; ``past`` the same one window earlier, ``peers``
    the medians of similar accounts, (F,) or (n, F), both NaN or ``None`` where unknown.
    ``as_of`` is one date, or a day number per account. Ranks count from 1 by the size
    of the effect, ties by name; features without effect are left out. ``top`` keeps so
    many ranks (all by default: only then do the points add up). The ``worded``
    strongest in each direction get a sentence, the others ``None``.

    >>> from churnhealth.features.spec import feature
    >>> users = feature("count", source="product", item="logins", days=28)
    >>> why = explain_margin(np.array([[0.61, -2.0]]), slope=1.0, intercept=0.0)
    >>> table = driver_table(
    ...     why, [users], account_ids=np.array(["a1"], dtype=object),
    ...     as_of=np.array([20454]), values=np.array([[8.0]]),
    ...     past=np.array([[14.0]]), peers=np.array([12.0]),
    ... )
    >>> table["sentence"][0]
    'Logins fell from 14 to 8 in the last 4 weeks; similar accounts have 12.'
    >>> str(table["as_of"][0]), table["rank"].tolist(), table["effect_points"].round(1)
    ('2026-01-01', [1], array([8.]))
    """
    shape = explained.effects.shape
    if shape != (len(account_ids), len(specs)):
        raise ValueError(f"{shape} effects for {len(account_ids)} accounts")
    named = named_by(specs)
    row, column, rank = ranked(explained.effects, specs, top=top)
    effects = explained.effects[row, column]
    given = {"value": values, "own_past": past, "peers_median": peers}
    measured = {name: cells(known, row, column) for name, known in given.items()}
    story = column if related is None else related[column]
    told = _within(row, effects, story, shape, most=worded)
    return {
        "account_id": np.asarray(account_ids, dtype=object)[row],
        "as_of": _dates(as_of, row),
        "rank": rank,
        "feature": named.name[column],
        "label": named.label[column],
        "category": named.category[column],
        **measured,
        "effect_log_odds": effects,
        "effect_points": 100.0 * explained.points[row, column],
        "sentence": _sentences(
            named.say,
            column,
            effects,
            told,
            **measured,
            place=_place(measured["value"], row, column, tenths),
        ),
    }


def _dates(as_of: Days | date, row: Ints) -> NDArray[np.datetime64]:
    days = np.asarray(as_of, dtype="datetime64[D]")
    return days[row] if days.ndim else np.full(row.size, days)


def cells(known: Floats | None, row: Ints, column: Ints) -> Floats:
    """Take cells of a matrix, or of a line that holds for all rows; else NaN."""
    if known is None:
        return np.full(row.size, np.nan)
    return known[column] if known.ndim == 1 else known[row, column]


def _within(
    row: Ints, effects: Floats, story: Ints, shape: tuple[int, ...], *, most: int
) -> NDArray[np.bool_]:
    """Mark the first ``most`` stories of each row that raise, and that lower."""
    told = np.zeros(len(row), dtype=bool)
    side = 2 * row + (effects > 0)
    once = np.unique(side * shape[1] + story, return_index=True)[1]
    once = once[np.lexsort((once, side[once]))]
    side = side[once]
    first = np.searchsorted(side, side)
    told[once[np.arange(once.size) - first < most]] = True
    return told


def _place(
    value: Floats, row: Ints, column: Ints, tenths: tuple[Floats, Ints] | None
) -> NDArray[np.int8]:
    """Say of each cell whether it is below a tenth of the peers, or above nine."""
    place = np.zeros(len(row), np.int8)
    if tenths is not None:
        levels, of_row = tenths
        low, high = levels[of_row[row], :, column].T
        place[value < low] = -1
        place[value > high] = 1
    return place


def _sentences(
    says: Sequence[Say],
    column: Ints,
    effects: Floats,
    told: NDArray[np.bool_],
    *,
    value: Floats,
    own_past: Floats,
    peers_median: Floats,
    place: NDArray[np.int8],
) -> Texts:
    """Word the drivers that are told."""
    sentences = np.full(len(column), None, dtype=object)
    at = np.flatnonzero(told)
    cells = (column, value, own_past, peers_median, effects, place)
    given = zip(at.tolist(), *(cell[at].tolist() for cell in cells), strict=True)
    for k, i, here, past, theirs, effect, beside in given:
        text = says[i](here, past, theirs, effect)
        sentences[k] = among_few(text, below=beside < 0) if beside else text
    return sentences
