"""What a score looks like in JSON: one shape, whatever it was made from.

Numbers are not rounded: they are those of the batch, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.archive.plain import Row, plain_rows
from churnhealth.bundle import Bundle
from churnhealth.explain.driver_rows import driver_rows
from churnhealth.scoring import CATEGORIES, ScoreBook, score_matrix
from churnhealth.sources.contract import Floats, Texts

__all__ = [
    "AskedRows",
    "feature_scores",
    "history_scores",
    "model_card",
    "stored_scores",
]

Columns = Mapping[str, NDArray[Any]]

NOT_IN_QUESTION = "not_in_question"
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
    book: ScoreBook, *, sent: Sequence[str], as_of: date, base: float
) -> list[Row]:
    """Answer for every account of a request, in the order in which it was sent."""
    drivers = _drivers(book.drivers)
    found: dict[str, Row] = {}
    reasons = iter(book.reasons or ())
    for row in plain_rows(book.scores):
        i = row["account_id"]
        scored = row["status"] == "scored"
        told = next(reasons) if scored else []
        found[i] = _score(row, base=base if scored else None, reasons=told)
        found[i]["drivers"] = drivers.get(i, [])
    return [found.get(i) or _out_of_question(i, as_of) for i in sent]


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
        "categories": {name: row[f"health_{name}"] for name in CATEGORIES},
        "rules": {
            "score": row["rules_score"],
            "band": row["rules_band"],
            "reasons": reasons,
        },
        "agreement": row["agreement"],
        "coverage": row["coverage"],
    }


def _out_of_question(account_id: str, as_of: date) -> Row:
    row: Row = dict.fromkeys(
        ("churn_probability", "health_score", "band", "rules_score", "rules_band")
    )
    row |= dict.fromkeys(("agreement", "coverage"))
    row |= dict.fromkeys(("churn_probability_low", "churn_probability_high"))
    row |= {f"health_{name}": None for name in CATEGORIES}
    row |= {
        "account_id": account_id,
        "as_of": str(as_of),
        "status": NOT_IN_QUESTION,
    }
    return {**_score(row, base=None, reasons=[]), "drivers": []}


def _drivers(table: Columns) -> dict[Any, list[Row]]:
    """Group a table of drivers by account; it is in order of rank already."""
    groups: dict[Any, list[Row]] = {}
    ids = table["account_id"].tolist()
    rows = plain_rows({name: table[name] for name in _DRIVER})
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
    explained = scored.explained
    drivers = driver_rows(
        explained,
        bundle.specs,
        values=X,
        peers=bundle.peers,
        tenths=bundle.tenths_of(ids),
        related=bundle.stories,
        top=top,
    )
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
    reasons = scored.reasons or []
    base = explained.base_probability
    given = zip(plain_rows(table), reasons, drivers, strict=True)
    answers = []
    for one in asked:
        answers.append(list[Row]())
        day = str(one.as_of)
        for row, why, moved in islice(given, len(one.ids)):
            row["as_of"], row["status"] = day, "scored"
            answers[-1].append(_score(row, base=base, reasons=why))
            answers[-1][-1]["drivers"] = moved
    return answers


def stored_scores(
    book: ScoreBook, *, base: Callable[[str], float | None]
) -> tuple[list[Row], dict[str, list[Row]]]:
    """Give stored scores as rows, and their drivers by account.

    ``base`` gives the base probability of a model version, where it is known; rule
    reasons are not stored.
    """
    rows = []
    for row in plain_rows(book.scores):
        start = base(row["model_version"]) if row["status"] == "scored" else None
        answer = _score(row, base=start, reasons=[])
        if row["days_to_renewal"] is not None:
            row["days_to_renewal"] = int(row["days_to_renewal"])
        rows.append(answer | {name: row[name] for name in _STORED})
    return rows, _drivers(book.drivers)


def model_card(bundle: Bundle) -> Row:
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
