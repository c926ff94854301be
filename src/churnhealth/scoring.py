"""From a bundle and a history to the tables of a run: scores, drivers, reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.assessing import Scored, agreement_of, assess_history
from churnhealth.bundle import Bundle
from churnhealth.categories import CATEGORIES
from churnhealth.explain.drivers import driver_table
from churnhealth.health.bands import held_bands, shown_bands
from churnhealth.snapshots.cohort import STATUSES, Cohort
from churnhealth.snapshots.cover import cover_at
from churnhealth.sources.arrays import dates_of, texts
from churnhealth.sources.contract import FAR, Accounts, Floats, History, Texts, date_of

__all__ = ["ScoreBook", "score_history"]

Table = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ScoreBook:
    """The tables of one scoring run (design, section 9: Files).

    ``reasons`` are the rules' in words, by account and rank: the colour's first, then
    line by line; empty where a run kept none.
    ``values`` (n scored, F) are the features ``names`` behind them, in the order of the
    scored rows; ``None`` when the tables were read from disk.
    """

    scores: Table
    drivers: Table
    reasons: Table = field(default_factory=dict)
    values: Floats | None = None
    names: tuple[str, ...] = ()


def score_history(
    bundle: Bundle,
    history: History,
    *,
    as_of: int,
    scored_at: datetime,
    previous: Mapping[str, str] | None = None,
    only: Sequence[int] | None = None,
    top: int | None = None,
    hysteresis: float = 0.0,
) -> ScoreBook:
    """Score everyone who is in question on ``as_of``, and list who is not.

    Parameters
    ----------
    history
        Rows of any time: only what was known before ``as_of`` is read.
    previous
        The band of each account in the run before, for movement.
    only
        Score these accounts (positions) alone.
    top
        How many drivers to keep per account; all that are not zero when ``None``.
    hysteresis
        How far (log-odds) beyond a cut an account must lie to leave its band before.
    """
    assessed = assess_history(bundle, history, as_of=as_of, only=only, top=top)
    listed, scored, account = assessed.listed, assessed.scored, assessed.account
    if hysteresis and previous and bundle.skill:
        before = [previous.get(i) for i in history.accounts.ids[account]]
        p = scored.explained.probability
        held = held_bands(bundle.cuts, p, before, hysteresis=hysteresis)
        band = shown_bands(held, scored.coverage)
        apart = agreement_of(band, scored.rules_band)
        scored = replace(scored, band=band, agreement=apart)
    segment = history.accounts.segment[account]
    drivers = driver_table(
        scored.explained,
        bundle.specs,
        account_ids=history.accounts.ids[account],
        as_of=date_of(as_of),
        values=assessed.values,
        past=assessed.past,
        peers=bundle.peers_of(segment),
        tenths=bundle.tenths_of(segment),
        related=bundle.stories,
        top=top,
    )
    scores = _score_table(bundle, history, listed, scored, drivers, previous or {})
    scores["scored_at"] = np.full(
        listed.account.size, np.datetime64(scored_at.replace(tzinfo=None), "s")
    )
    return ScoreBook(
        scores={k: scores[k] for k in _SCORE_COLUMNS},
        drivers=drivers,
        reasons=_reason_table(history.accounts.ids[account], scored.reasons or []),
        values=assessed.values,
        names=bundle.names,
    )


_SCORE_COLUMNS = (
    "account_id",
    "name",
    "owner",
    "segment",
    "value",
    "as_of",
    "scored_at",
    "status",
    "churn_probability",
    "churn_probability_low",
    "churn_probability_high",
    "health_score",
    "band",
    "previous_band",
    "renewal_date",
    "days_to_renewal",
    "expected_loss",
    *(f"health_{name}" for name in CATEGORIES),
    "rules_score",
    "rules_band",
    "agreement",
    "coverage",
    "top_driver",
    "model_version",
    "bands_version",
)


def _score_table(
    bundle: Bundle,
    history: History,
    listed: Cohort,
    scored: Scored,
    drivers: Table,
    previous: Mapping[str, str],
) -> Table:
    """Put one row together for every listed account."""
    people: Accounts = history.accounts.rows(listed.account)
    n = listed.account.size
    ids = people.ids

    def spread(values: NDArray[Any]) -> NDArray[Any]:
        missing = np.nan if values.dtype.kind == "f" else None
        out = np.full(n, missing, dtype=values.dtype)
        out[listed.scored] = values
        return out

    p = spread(scored.explained.probability)
    value = _value(history, listed)
    dated = np.abs(listed.end) < FAR
    tops = _top_sentences(drivers)
    return {
        "account_id": ids,
        "name": people.name,
        "owner": people.owner,
        "segment": people.segment,
        "value": value,
        "as_of": listed.as_of.astype("datetime64[D]"),
        "status": np.array(STATUSES, dtype=object)[listed.status],
        "churn_probability": p,
        "churn_probability_low": spread(scored.low),
        "churn_probability_high": spread(scored.high),
        "health_score": spread(scored.health_score),
        "band": spread(scored.band),
        "previous_band": np.array([previous.get(i) for i in ids], dtype=object),
        "renewal_date": dates_of(np.where(dated, listed.end, FAR)),
        "days_to_renewal": np.where(dated, listed.end - listed.as_of, np.nan),
        "expected_loss": p * value * 12,
        **{f"health_{k}": spread(v) for k, v in scored.categories.items()},
        "rules_score": spread(scored.rules_score),
        "rules_band": spread(scored.rules_band),
        "agreement": spread(scored.agreement),
        "coverage": spread(scored.coverage),
        "top_driver": np.array([tops.get(i) for i in ids], dtype=object),
        "model_version": np.full(n, bundle.model_version, dtype=object),
        "bands_version": np.full(n, bundle.bands_version, dtype=object),
    }


def _reason_table(ids: Texts, told: Sequence[Sequence[str]]) -> Table:
    """List the rules' reasons of each account, one row each.

    >>> ids = np.array(["a1", "a2"], dtype=object)
    >>> _reason_table(ids, [["red because: NPS 2", "NPS 2"], []])["rank"]
    array([1, 2])
    """
    many = [len(reasons) for reasons in told]
    ranks = chain.from_iterable(range(1, n + 1) for n in many)
    return {
        "account_id": np.repeat(ids, many),
        "rank": np.fromiter(ranks, np.int64),
        "reason": texts(chain.from_iterable(told)),
    }


def _value(history: History, listed: Cohort) -> Floats:
    """Give the monthly value of all terms in force, NaN where none is known."""
    if history.contracts is None:
        return np.full(listed.account.size, np.nan)
    return cover_at(
        history.contracts, account=listed.account, as_of=listed.as_of, gap_days=0
    ).value


def _top_sentences(drivers: Table) -> dict[str, str]:
    first = drivers["rank"] == 1
    return dict(
        zip(
            drivers["account_id"][first].tolist(),
            drivers["sentence"][first].tolist(),
            strict=True,
        )
    )
