"""The flat tables that a warehouse or a CRM reads: one row per account, plain columns.

``history/*.parquet`` has one row per account and run, ``scores_current.parquet`` one
per account with ``changed_at``, so that only what changed need be sent on. Column names
and types are promised in docs/scores.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.features.spec import is_routine, parse_name
from churnhealth.health.bands import BANDS
from churnhealth.sources.arrays import texts

__all__ = ["COLUMNS", "current_table", "flat_table", "main_reason", "movement"]

Table = Mapping[str, NDArray[Any]]

TOLD = 3  # drivers that are told in columns of their own
_WRITTEN = frozenset(
    (
        "days_to_renewal",
        "ends_within",
        "term_months",
        "tenure",
        "renewals",
        "number",
        "is",
        *("total", "total_days", "days_lasted", "days_since_first", "days_to_first"),
    )
)
_ENOUGH = 0.15  # of the strongest: a reason this weak would explain nothing
_DRIVERS = tuple(f"driver_{i + 1}" for i in range(TOLD))
COLUMNS = (
    "account_id",
    "as_of",
    "run",
    "scored_at",
    "name",
    "owner",
    "segment",
    "stage",
    "status",
    "churn_probability",
    "churn_probability_low",
    "churn_probability_high",
    "health_score",
    "band",
    "previous_band",
    "movement",
    "value",
    "expected_loss",
    "renewal_date",
    "days_to_renewal",
    "health_usage",
    "health_value",
    "health_experience",
    "health_contract",
    "rules_score",
    "rules_band",
    "agreement",
    "coverage",
    *_DRIVERS,
    "model_version",
    "bands_version",
)
_PASSING = ("as_of", "run", "scored_at", "days_to_renewal")


def movement(before: str | None, now: str | None) -> str | None:
    """Say which way a colour moved; ``None`` where one of the two is not known.

    >>> movement("green", "yellow"), movement("red", "orange"), movement("grey", "red")
    ('worse', 'better', None)
    """
    if before not in BANDS or now not in BANDS:
        return None
    step = BANDS.index(now) - BANDS.index(before)
    return "worse" if step > 0 else "better" if step < 0 else "same"


def flat_table(
    scores: Table, drivers: Table, *, profile: Table | None, run: int
) -> dict[str, NDArray[Any]]:
    """Lay a run out flat: its scores, its movement, its strongest raising drivers."""
    n = scores["account_id"].size
    pairs = zip(scores["previous_band"], scores["band"], strict=True)
    told = _raising(drivers)
    ids = scores["account_id"].tolist()
    stage = {}
    if profile is not None:
        stage = dict(zip(profile["account_id"], profile["stage"], strict=True))
    more: dict[str, NDArray[Any]] = {
        "run": np.full(n, run, dtype=np.int64),
        "stage": texts(map(stage.get, ids)),
        "movement": texts(movement(b, a) for b, a in pairs),
    }
    for place, name in enumerate(_DRIVERS):
        more[name] = texts(_at(told.get(i, ()), place) for i in ids)
    return {name: more[name] if name in more else scores[name] for name in COLUMNS}


def _at(sentences: Any, place: int) -> str | None:
    return sentences[place] if place < len(sentences) else None


def _raising(drivers: Table) -> dict[str, list[str]]:
    """Collect each account's sentences of what raises its risk, strongest first.

    What comes after the rest (`_behind`) stands behind it.
    """
    rows = (drivers["effect_points"] > 0) & (drivers["sentence"] != None)  # noqa: E711
    told: dict[str, list[tuple[bool, str]]] = {}
    strongest: dict[str, float] = {}
    names = ("account_id", "feature", "category", "effect_points", "sentence")
    for account_id, feature, category, effect, sentence in zip(
        *(drivers[name][rows].tolist() for name in names), strict=True
    ):
        most = strongest.setdefault(account_id, effect)
        behind = _behind(feature, category, effect, most)
        told.setdefault(account_id, []).append((behind, sentence))
    return {
        i: [sentence for _, sentence in sorted(of, key=lambda one: one[0])[:TOLD]]
        for i, of in told.items()
    }


def main_reason(raising: Sequence[Mapping[str, Any]]) -> str | None:
    """Give the sentence of what raises a risk most, as the flat table has it first.

    ``raising`` are drivers with ``feature``, ``effect_points`` and ``sentence``, the
    strongest first.

    >>> near = {"feature": "contracts__all__days_to_renewal", "effect_points": 4.4,
    ...         "sentence": "The renewal is 2 days away."}
    >>> fell = {"feature": "product__login__count__28d", "effect_points": 2.5,
    ...         "sentence": "Logins fell from 14 to 8."}
    >>> main_reason([near, fell])
    'Logins fell from 14 to 8.'
    >>> sent = {"feature": "invoices__all__days_since", "category": "contract",
    ...         "effect_points": 5.5, "sentence": "The last invoice was a year ago."}
    >>> main_reason([sent, fell])
    'Logins fell from 14 to 8.'
    >>> main_reason([near, {**fell, "effect_points": 0.1}]), main_reason([])
    ('The renewal is 2 days away.', None)
    """
    told = [row for row in raising if row["sentence"]]
    if not told:
        return None
    most = told[0]["effect_points"]
    for row in told:
        category, effect = row.get("category"), row["effect_points"]
        if not _behind(row["feature"], category, effect, most):
            return str(row["sentence"])
    return str(told[0]["sentence"])


def _behind(
    feature: str | None, category: str | None, effect: float, most: float
) -> bool:
    """Say whether a driver comes after the others of its account.

    What is written in the contract or the profile stands behind what happened: nearly
    every account near its renewal has it as its strongest, and whoever reads the row
    sees the date already. So does the day of the last invoice, and what a whole past
    adds up to. What happened has to weigh something to go before it.
    """
    kind = _kind(feature or "") or ""
    written = kind in _WRITTEN or is_routine(kind, category)
    return written or effect < _ENOUGH * most


@lru_cache(maxsize=4096)
def _kind(feature: str) -> str | None:
    try:
        return parse_name(feature).kind
    except ValueError:  # a feature of the owner's own
        return None


def current_table(flat: Table, before: Table | None) -> dict[str, NDArray[Any]]:
    """Add ``changed_at``: when anything but the passing of time last changed a row."""
    changed = flat["scored_at"].astype("datetime64[s]").copy()
    if before is not None and set(before) == {*flat, "changed_at"}:
        place = {i: at for at, i in enumerate(before["account_id"].tolist())}
        was = np.array([place.get(i, -1) for i in flat["account_id"]], dtype=np.int64)
        same = was >= 0
        for name, column in flat.items():
            if name not in _PASSING:
                same &= _equal(column, before[name][was])
        earlier = before["changed_at"].astype("datetime64[s]")
        changed[same] = earlier[was[same]]
    return {**flat, "changed_at": changed}


def _equal(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    both = np.asarray(one == other, dtype=bool)
    if one.dtype.kind == "f":
        both |= np.isnan(one) & np.isnan(other.astype(np.float64))
    elif one.dtype.kind == "M":
        both |= np.isnat(one) & np.isnat(other)
    return both
