"""What moved a score between two dates: drivers, the model, the limits of the colours.

Both dates are read by today's model, so the drivers' part is a difference of effects.
What was said on the earlier date may have come from another model, or from data that
were corrected since; that difference is a part of its own. The parts add up exactly::

    logit(now) - logit(then) = sum(effects) + other
    100 * (now - then)       = sum(points)  + other_points
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.explain.columns import named_columns, ranked
from churnhealth.explain.drivers import Explained, probability_per_log_odds
from churnhealth.explain.phrases import BAND_WORDS, BANDS_MOVED, MODEL_MOVED, REVISED
from churnhealth.explain.wording import clause
from churnhealth.features.spec import FeatureSpec
from churnhealth.said import percent
from churnhealth.scorers.curves import log_odds
from churnhealth.sources.arrays import texts
from churnhealth.sources.contract import Floats, Texts

__all__ = ["Moved", "change_table", "move_lines", "what_changed"]

_TOLD = 2  # drivers in one line
_WORTH_TELLING = 0.2  # of the whole move, for the part that no driver explains


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Moved:
    """How n scores moved: ``effects`` (n, F) and ``other`` (n,) sum to the whole.

    ``effects`` and ``other`` are log-odds; ``points`` and ``other_points`` are the same
    in percentage points, and sum to ``100 * (now - then)``.
    """

    then: Floats
    now: Floats
    effects: Floats
    other: Floats
    points: Floats
    other_points: Floats


def what_changed(now: Explained, then: Explained, *, said: Floats) -> Moved:
    """Split each move of a probability into its parts.

    ``now`` and ``then`` are what today's model says of the two dates, row by row of the
    same accounts; ``said`` (n,) is the probability that was told on the earlier one.

    Raises
    ------
    ValueError
        The two do not come from one model, or not from the same number of accounts.

    >>> from churnhealth.explain.drivers import explain_margin
    >>> def read(effect):
    ...     return explain_margin(np.array([[effect, 0.5, -3.0]]), slope=1, intercept=0)
    >>> moved = what_changed(read(2.0), read(0.5), said=np.array([0.1]))
    >>> moved.effects.tolist(), round(float(moved.other[0]), 3)
    ([[1.5, 0.0]], 0.197)
    >>> whole = 100 * (moved.now - moved.then)
    >>> bool(np.allclose(moved.points.sum(axis=1) + moved.other_points, whole))
    True
    """
    same = now.effects.shape == then.effects.shape == (said.size, now.effects.shape[1])
    if not same or (said.size and now.base_log_odds != then.base_log_odds):
        raise ValueError("both dates must be read by one model, account by account")
    start = log_odds(said)
    effects = now.effects - then.effects
    other = then.log_odds - start
    factor = 100.0 * probability_per_log_odds(start, now.log_odds - start)
    return Moved(
        then=said,
        now=now.probability,
        effects=effects,
        other=other,
        points=effects * factor[:, None],
        other_points=other * factor,
    )


def change_table(
    moved: Moved,
    specs: Sequence[FeatureSpec],
    *,
    account_ids: Texts,
    since: date,
    before: Floats,
    values: Floats,
    top: int | None = None,
) -> dict[str, NDArray[Any]]:
    """List what moved each account, strongest first; the columns are in docs/scores.md.

    ``before`` and ``values`` (n, F) are the features on the two dates.
    """
    row, column, rank = ranked(moved.effects, specs, top=top)
    name, label, category = named_columns(specs)
    cells = (before[row, column].tolist(), values[row, column].tolist())
    told = map(clause, (specs[i] for i in column.tolist()), *cells)
    return {
        "account_id": np.asarray(account_ids, dtype=object)[row],
        "since": np.full(row.size, np.datetime64(since, "D")),
        "rank": rank,
        "feature": name[column],
        "label": label[column],
        "category": category[column],
        "before": before[row, column],
        "value": values[row, column],
        "effect_log_odds": moved.effects[row, column],
        "effect_points": moved.points[row, column],
        "sentence": texts(told),
    }


def move_lines(
    moved: Moved,
    specs: Sequence[FeatureSpec],
    *,
    before: Floats,
    values: Floats,
    bands: tuple[Sequence[str | None], Sequence[str | None]],
    same_model: Sequence[bool],
    same_cuts: Sequence[bool],
) -> list[str]:
    """Say each move in one line for a list: the colours, then what moved most.

    ``bands`` are the colours then and now. Only drivers that pull the way the score
    went are told; a part that no driver explains is told where it is large.
    """
    lines = []
    for i, (was, now) in enumerate(zip(*bands, strict=True)):
        why = _others(moved, i, same_model=same_model[i])
        if was != now and not same_cuts[i]:
            why.append(BANDS_MOVED)
        way = np.sign(moved.now[i] - moved.then[i])
        pulls = way * moved.effects[i]
        strongest = np.argsort(-pulls, kind="stable")[:_TOLD]
        told = [
            clause(specs[j], float(before[i, j]), float(values[i, j]))
            for j in strongest
            if pulls[j] > 0
        ]
        head = _head(was, now, float(moved.then[i]), float(moved.now[i]))
        text = "; ".join([*told, *why])
        lines.append(f"{head}: {text}" if text else head)
    return lines


def _others(moved: Moved, i: int, *, same_model: bool) -> list[str]:
    pulled = np.abs(moved.points[i]).sum() + abs(moved.other_points[i])
    if abs(moved.other_points[i]) <= max(_WORTH_TELLING * pulled, 0.05):
        return []
    return [REVISED if same_model else MODEL_MOVED]


def _head(was: str | None, now: str | None, then_p: float, now_p: float) -> str:
    if was and now and was != now:
        return f"{_colour(now)}, was {_colour(was)}"
    colour = f"Still {_colour(now)}" if now and was else "Risk"
    if percent(then_p) == percent(now_p):
        return f"{colour}, {percent(now_p)} as before"
    return f"{colour}, {percent(now_p)} after {percent(then_p)}"


def _colour(band: str) -> str:
    return BAND_WORDS.get(band, band.capitalize())
