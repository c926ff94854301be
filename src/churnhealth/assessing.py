"""From a bundle and a history to probabilities, colours and effects, row by row.

The same functions answer for a whole cohort at night and for one account in a request,
so the numbers are the same to the last bit. `scoring` makes tables of it, the service
answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.bundle import Bundle
from churnhealth.categories import CATEGORIES
from churnhealth.explain.drivers import Explained, category_log_odds, explain_margin
from churnhealth.features.kernel import compute
from churnhealth.features.spec import FeatureSpec
from churnhealth.health.bands import BANDS, shown_bands
from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.estimator import rungs_kept
from churnhealth.snapshots.cohort import STATUSES, Cohort, cohort
from churnhealth.sources.contract import Floats, History, Ints

__all__ = [
    "PAST_DAYS",
    "Assessed",
    "Scored",
    "agreement_of",
    "assess_history",
    "features_on",
    "model_card",
    "score_matrix",
]

PAST_DAYS = 91  # 13 weeks: weekdays fall on weekdays
_FEW = 16
_ORDER = {band: level for level, band in enumerate(BANDS)}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """What the bundle says of rows of its features (n rows).

    ``low`` and ``high`` hold the true probability with the bundle's stated chance, NaN
    where it states none. ``band`` is grey where fewer than half of the features are
    measured; without skill in the backtest it is the rules' colour.
    """

    explained: Explained
    low: Floats
    high: Floats
    band: NDArray[np.object_]
    health_score: Floats
    categories: Mapping[str, NDArray[np.object_]]
    coverage: Floats
    rules_score: Floats
    rules_band: NDArray[np.object_]
    agreement: NDArray[np.object_]
    reasons: list[list[str]] | None = None


def score_matrix(bundle: Bundle, X: Floats, *, reasons: bool = False) -> Scored:
    """Score rows of the bundle's features, in the bundle's column order.

    With ``reasons`` the rules also tell theirs, row by row.
    """
    with rungs_kept(X):  # the rules may be a rung of the scorer
        rules_score, rules_band, told = _rules(bundle, X, reasons=reasons)
        no_parts = np.empty((0, X.shape[1] + 1))  # scorers refuse an empty matrix
        parts = bundle.scorer.contributions(X) if len(X) else no_parts
    explained = explain_margin(
        parts,
        slope=bundle.calibrator.slope,
        intercept=bundle.calibrator.intercept,
        bent=bundle.calibrator.bent if bundle.calibrator.steps else None,
    )
    coverage = (X == X).sum(axis=1) / max(X.shape[1], 1)
    z = explained.log_odds
    alone = category_log_odds(explained, bundle.categories)
    ends = () if bundle.likely is None else bundle.likely.ends(z)
    # one curve for all of them: for a row or two its steps cost more than the numbers
    p, *others = sigmoid(np.array([z, *alone.values(), *ends]))
    low, high = others[len(alone) :] or (np.full(len(X), np.nan),) * 2
    own, *coloured = bundle.cuts.band(np.array([p, *others[: len(alone)]]))
    band = shown_bands(own if bundle.skill else rules_band, coverage)
    of_parts = dict(zip(alone, coloured, strict=True))
    categories = {
        name: of_parts[name] if name in of_parts else np.full(len(X), None)
        for name in CATEGORIES
    }
    return Scored(
        explained=explained,
        low=low,
        high=high,
        band=band,
        health_score=bundle.cuts.health_score(p),
        categories=categories,
        coverage=coverage,
        rules_score=rules_score,
        rules_band=rules_band,
        agreement=agreement_of(band, rules_band)
        if bundle.skill  # else the colour is the rules' own, and there is no other
        else np.full(len(X), None),
        reasons=told,
    )


def _rules(
    bundle: Bundle, X: Floats, *, reasons: bool
) -> tuple[Floats, NDArray[np.object_], list[list[str]] | None]:
    if not len(X):
        return np.empty(0), np.empty(0, dtype=object), [] if reasons else None
    if not reasons:
        return bundle.rules.points(X), bundle.rules.bands(X), None
    told = bundle.rules.opinions(X)
    return (
        np.array([opinion.points for opinion in told]),
        np.array([opinion.band for opinion in told], dtype=object),
        [opinion.reasons for opinion in told],
    )


def agreement_of(band: NDArray[Any], rules_band: NDArray[Any]) -> NDArray[np.object_]:
    """Say how far the model's colour and the rules' lie apart."""
    words: list[str | None] = []
    for one, other in zip(band, rules_band, strict=True):
        if one not in _ORDER or other not in _ORDER:
            words.append(None)
            continue
        apart = abs(_ORDER[one] - _ORDER[other])
        words.append(("same", "one apart", "further")[min(apart, 2)])
    return np.array(words, dtype=object)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Assessed:
    """Who is listed on a day, and what is said of those who are scored (n of them).

    ``values`` are their features (n, F), ``past`` those of the columns that some row
    has among its strongest effects as they were, NaN in all others.
    """

    listed: Cohort
    scored: Scored
    values: Floats
    past: Floats

    @property
    def account(self) -> Ints:
        """The accounts (positions) that are scored, in the order of the rows."""
        return self.listed.account[self.listed.scored]


def assess_history(
    bundle: Bundle,
    history: History,
    *,
    as_of: int,
    only: Sequence[int] | None = None,
    top: int | None = None,
) -> Assessed:
    """Assess everyone who is in question on ``as_of``, and list who is not.

    Parameters
    ----------
    history
        Rows of any time: only what was known before ``as_of`` is read.
    only
        Assess these accounts (positions) alone.
    top
        Of how many drivers per account the past is wanted; of all when ``None``.
    """
    account = np.arange(history.accounts.ids.size) if only is None else np.array(only)
    days = np.full(account.size, as_of, np.int64)
    everyone = cohort(history, bundle.question, account=account, as_of=days)
    # Open-ended cover has no renewal to ask about: it is no row of the scores.
    listed = everyone.rows(everyone.status != STATUSES.index("open_ended"))
    measure = _Features(bundle, history, listed.account[listed.scored], as_of)
    X = measure.now()
    scored = score_matrix(bundle, X, reasons=True)
    past = measure.past(_strongest(scored.explained.effects, top=top))
    return Assessed(listed=listed, scored=scored, values=X, past=past)


class _Features:
    """The features of some accounts on a day, and in each account's own past."""

    def __init__(
        self, bundle: Bundle, history: History, account: Ints, as_of: int
    ) -> None:
        self._bundle, self._account = bundle, account
        self._known = bundle.schema.apply(history)
        self._days = np.full(account.size, as_of, np.int64)

    def now(self) -> Floats:
        """Compute all features (n, F)."""
        return self._values(self._bundle.specs, self._days, self._account)

    def past(self, columns: Ints) -> Floats:
        """Compute these columns as they were, NaN in all others.

        The past of a windowed feature is one window earlier, so that "fell from 14 to
        8 in the last 4 weeks" is true; of all others it is ``PAST_DAYS`` earlier.
        """
        specs, n = self._bundle.specs, self._account.size
        past = np.full((n, len(specs)), np.nan)
        back = np.array([specs[i].days or PAST_DAYS for i in columns], dtype=np.int64)
        apart = [np.flatnonzero(back == days) for days in np.unique(back)]
        # of several, a few more cost little: then all columns at all days
        few = n > 1 and n * len(apart) <= _FEW
        for at in [np.arange(back.size)] if few else apart:
            days, which = np.unique(back[at], return_inverse=True)
            found = self._values(
                [specs[i] for i in columns[at]],
                (self._days - days[:, None]).ravel(),
                np.tile(self._account, days.size),
            ).reshape(days.size, n, at.size)
            past[:, columns[at]] = found[which, :, np.arange(at.size)].T
        return past

    def _values(
        self, specs: Sequence[FeatureSpec], days: Ints, account: Ints
    ) -> Floats:
        return compute(
            self._known,
            specs,
            account=account,
            as_of=days,
            gap_days=self._bundle.question.gap_days,
        )


def features_on(bundle: Bundle, history: History, *, account: Ints, day: int) -> Floats:
    """Compute a bundle's features of some accounts (positions) as of a day."""
    return _Features(bundle, history, account, day).now()


def _strongest(effects: Floats, *, top: int | None) -> Ints:
    """Pick the columns that some row has among its ``top`` strongest effects.

    >>> _strongest(np.array([[0.1, -3.0, 0.0, 2.0]]), top=2)
    array([1, 3])
    """
    size = np.abs(effects)
    told = size > 0
    if top is not None and 0 < top < size.shape[1]:
        told &= size >= -np.partition(-size, top - 1, axis=1)[:, top - 1 : top]
    elif top == 0:
        told[:] = False
    return np.flatnonzero(told.any(axis=0))


def model_card(bundle: Bundle) -> dict[str, Any]:
    """Give what is told of a model: its card and the names of its versions."""
    nothing = np.full((1, len(bundle.specs)), np.nan)
    return {
        **bundle.card,
        "model_version": bundle.model_version,
        "bands_version": bundle.bands_version,
        "base_probability": score_matrix(bundle, nothing).explained.base_probability,
        "cuts": bundle.cuts.to_json(),
        "skill": bundle.skill,
    }
