"""What a score looks like in JSON: one shape, whatever it was made from.

Numbers are not rounded: they are those of the batch, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.archive.plain import Row, plain_rows
from churnhealth.assessing import Assessed, Scored, score_matrix
from churnhealth.bundle import Bundle
from churnhealth.categories import CATEGORIES
from churnhealth.explain.driver_rows import driver_rows
from churnhealth.scoring import ScoreBook
from churnhealth.snapshots.cohort import STATUSES
from churnhealth.sources.contract import Floats, History, Texts

__all__ = [
    "AskedRows",
    "count_days",
    "feature_scores",
    "history_scores",
    "stored_scores",
]

Columns = Mapping[str, NDArray[Any]]

NOT_IN_QUESTION = "not_in_question"
_HEALTH = tuple((name, f"health_{name}") for name in CATEGORIES)
_SCORED = STATUSES.index("scored")
_DRIVER = (
    "feature",
    "label",
    "category",
    "value",
    "own_past",
    "peers_median",
    "effect_log_odds",
    "effect_points",
    "sentence",
)
_STORED = (
    "name",
    "owner",
    "segment",
    "value",
    "renewal_date",
    "days_to_renewal",
    "expected_loss",
    "previous_band",
    "top_driver",
    "scored_at",
    "model_version",
    "bands_version",
)


def history_scores(
    bundle: Bundle,
    history: History,
    assessed: Assessed,
    *,
    asked: Sequence[int],
    as_of: date,
    top: int,
) -> list[Row]:
    """Answer for accounts of a history, by position, in the order they are asked in."""
    ids, segment = history.accounts.ids, history.accounts.segment[assessed.account]
    drivers = driver_rows(
        assessed.scored.explained,
        bundle.specs,
        values=assessed.values,
        past=assessed.past,
        peers=bundle.peers_of(segment),
        tenths=bundle.tenths_of(segment),
        related=bundle.stories,
        top=top,
    )
    day = str(as_of)
    told = _scored_rows(assessed.scored, ids[assessed.account], drivers, repeat(day))
    listed = assessed.listed
    of_listed = zip(listed.account.tolist(), listed.status.tolist(), strict=True)
    found = {
        i: next(told) if status == _SCORED else _unscored(ids[i], day, STATUSES[status])
        for i, status in of_listed
    }
    return [found.get(i) or _unscored(ids[i], day, NOT_IN_QUESTION) for i in asked]


def _scored_rows(
    scored: Scored, ids: Texts, drivers: Iterable[list[Row]], days: Iterable[str]
) -> Iterator[Row]:
    """Yield the answer of each row that was scored; ``days`` may go on for ever."""
    explained = scored.explained
    table = {
        "account_id": ids,
        "churn_probability": explained.probability,
        "churn_probability_low": scored.low,
        "churn_probability_high": scored.high,
        "health_score": scored.health_score,
        "band": scored.band,
        **{f"health_{name}": scored.categories[name] for name in CATEGORIES},
        "rules_score": scored.rules_score,
        "rules_band": scored.rules_band,
        "agreement": scored.agreement,
        "coverage": scored.coverage,
    }
    base, reasons = explained.base_probability, scored.reasons or []
    rows = zip(plain_rows(table), reasons, drivers, strict=True)
    for (row, why, moved), day in zip(rows, days, strict=False):
        row["as_of"], row["status"] = day, STATUSES[_SCORED]
        answer = _score(row, base=base, reasons=why)
        answer["drivers"] = moved
        yield answer


def _score(row: Row, *, base: float | None, reasons: list[str]) -> Row:
    return {
        "account_id": row["account_id"],
        "as_of": row["as_of"],
        "status": row["status"],
        "churn_probability": row["churn_probability"],
        "churn_probability_low": row.get("churn_probability_low"),
        "churn_probability_high": row.get("churn_probability_high"),
        "base_probability": base,
        "health_score": row["health_score"],
        "band": row["band"],
        "categories": {name: row[column] for name, column in _HEALTH},
        "rules": {
            "score": row["rules_score"],
            "band": row["rules_band"],
            "reasons": reasons,
        },
        "agreement": row["agreement"],
        "coverage": row["coverage"],
    }


def _unscored(account_id: str, day: str, status: str) -> Row:
    row: Row = dict.fromkeys(
        ("churn_probability", "health_score", "band", "rules_score", "rules_band")
    )
    row |= dict.fromkeys(("agreement", "coverage"))
    row |= dict.fromkeys(("churn_probability_low", "churn_probability_high"))
    row |= {f"health_{name}": None for name in CATEGORIES}
    row |= {"account_id": account_id, "as_of": day, "status": status}
    return {**_score(row, base=None, reasons=[]), "drivers": []}


def _by_account(table: Columns, names: Sequence[str]) -> dict[Any, list[Row]]:
    """Group columns of a table by account; it is in order of rank already."""
    groups: dict[Any, list[Row]] = {}
    ids = table["account_id"].tolist()
    rows = plain_rows({name: table[name] for name in names})
    for account_id, row in zip(ids, rows, strict=True):
        groups.setdefault(account_id, []).append(row)
    return groups


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class AskedRows:
    """The rows of one request: account ids (n,), features (n, F), the day asked for.

    ``refused`` are its entries that are not scored, by their place among all.
    """

    ids: Texts
    X: Floats
    as_of: date
    refused: Mapping[int, Row] = field(default_factory=dict)


def feature_scores(
    bundle: Bundle, asked: Sequence[AskedRows], *, top: int
) -> list[list[Row]]:
    """Answer for rows of the bundle's features, whoever measured them.

    Requests are scored together and answered apart: a row gets the same bits.
    """
    X, ids = asked[0].X, asked[0].ids
    if len(asked) > 1:
        X = np.concatenate([one.X for one in asked])
        ids = np.concatenate([one.ids for one in asked])
    scored = score_matrix(bundle, X, reasons=True)
    drivers = driver_rows(
        scored.explained,
        bundle.specs,
        values=X,
        peers=bundle.peers,
        tenths=bundle.tenths_of(ids),
        related=bundle.stories,
        top=top,
    )
    days = chain.from_iterable(repeat(str(one.as_of), len(one.ids)) for one in asked)
    told = _scored_rows(scored, ids, drivers, days)
    return [list(islice(told, len(one.ids))) for one in asked]


def stored_scores(
    book: ScoreBook, *, base: Callable[[str], float | None]
) -> tuple[list[Row], dict[str, list[Row]]]:
    """Give stored scores as rows, and their drivers by account.

    ``base`` gives the base probability of a model version, where it is known.
    """
    why = _by_account(book.reasons, ["reason"]) if book.reasons else {}
    rows = []
    for row in plain_rows(book.scores):
        start = base(row["model_version"]) if row["status"] == "scored" else None
        reasons = [told["reason"] for told in why.get(row["account_id"], [])]
        answer = _score(row, base=start, reasons=reasons)
        count_days(row)
        rows.append(answer | {name: row[name] for name in _STORED})
    return rows, _by_account(book.drivers, _DRIVER)


def count_days(row: Row) -> None:
    """Write the days to the renewal as the whole number they are (in a table: NaN)."""
    if row["days_to_renewal"] is not None:
        row["days_to_renewal"] = int(row["days_to_renewal"])
