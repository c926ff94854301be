"""Scores and drivers as one plain dict: what every page shows, and our JSON export.

Only JSON types are in it: no NaN, no arrays, dates as ``YYYY-MM-DD``. Numbers are not
rounded here; that is the page's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.archive.flat import main_reason, movement
from churnhealth.categories import CATEGORIES
from churnhealth.errors import InputError
from churnhealth.explain.numbers import about, between, is_told
from churnhealth.explain.phrases import BAND_WORDS
from churnhealth.explain.telling import points_by_category
from churnhealth.health.bands import BANDS
from churnhealth.pages.shape import (
    Account,
    BandLine,
    Driver,
    Model,
    Movement,
    Points,
    Promise,
    Summary,
)
from churnhealth.pages.words import AGREEMENT, outcome

__all__ = ["Columns", "summarise"]

Columns = Mapping[str, Sequence[Any] | NDArray[Any]]
Row = Mapping[str, Any]

_NEEDED = {
    "scores": ("account_id", "as_of", "status", "churn_probability", "band"),
    "drivers": ("account_id", "label", "effect_points"),
}
_RENEWALS = ((0, 30), (30, 60), (60, 90), (90, 180), (180, None))
_METRICS = (
    *("auc", "auc_interval", "log_loss_gain_over_constant", "gain_interval"),
    *("calibration_slope", "predicted_over_observed", "lift_top_decile"),
)
_ENDS = ("low", "high")
_TRAINED = ("from", "to", "accounts", "snapshots", "outcomes")


def summarise(
    scores: Columns,
    drivers: Columns,
    card: Mapping[str, Any],
    *,
    top: int = 5,
) -> Summary:
    """Bring a scored cohort together for its readers, dearest loss first.

    ``scores`` and ``drivers`` have the columns of ``scores.parquet`` and
    ``drivers.parquet``; what is optional may be absent. ``card`` may have ``company``,
    ``question``, ``bands`` (promises), ``metrics``, ``verdict``, ``trained_on``,
    ``model_version``, ``bands_version`` and ``base_probability``. At most ``top``
    drivers are told in each direction; what the others add up to is kept.

    Raises
    ------
    InputError
        CH601 a column that cannot be done without is missing or of another length.

    >>> summary = summarise(
    ...     {"account_id": ["a1"], "as_of": ["2026-01-01"], "status": ["scored"],
    ...      "churn_probability": [0.2], "band": ["orange"], "value": [100.0]},
    ...     {"account_id": ["a1"], "label": ["Logins"], "effect_points": [13.0]},
    ...     {"base_probability": 0.07},
    ... )
    >>> account = summary["accounts"][0]
    >>> account["about"], account["expected_loss"]
    ('about 1 in 5', 240.0)
    >>> {k: round(v, 6) for k, v in account["points"].items()}
    {'start': 7.0, 'raising': 13.0, 'lowering': 0.0, 'other': 0.0, 'end': 20.0}
    """
    of_account = _grouped(_rows("drivers", drivers))
    question = dict(card.get("question") or {})
    accounts = [
        _account(row, of_account.get(str(row["account_id"]), []), card, top)
        for row in _rows("scores", scores)
    ]
    accounts.sort(key=_dearest_first)
    scored = [a for a in accounts if a["status"] == "scored"]
    return Summary(
        schema_version=1,
        company=str(card.get("company") or "Company"),
        as_of=max((a["as_of"] for a in accounts), default=None),
        scored_at=max((a["scored_at"] or "" for a in accounts), default="") or None,
        question=question,
        outcome=outcome(question),
        model=_model(card),
        totals={
            "accounts": len(accounts),
            "scored": len(scored),
            "expected_leavers": sum(a["churn_probability"] or 0.0 for a in scored),
            "value": _total(scored, "value"),
            "expected_loss": _total(scored, "expected_loss"),
        },
        bands=_bands(scored, card),
        statuses=_split(accounts, lambda a: a["status"]),
        movement=_movement(scored),
        agreement=_agreement(scored),
        renewals=_renewals(scored),
        owners=_split(scored, lambda a: a["owner"]),
        accounts=accounts,
    )


def _rows(table: str, columns: Columns) -> list[dict[str, Any]]:
    missing = [name for name in _NEEDED[table] if name not in columns]
    lengths = {len(column) for column in columns.values()}
    if missing or len(lengths) > 1:
        what = f"lack {missing}" if missing else "are of different lengths"
        raise InputError(
            "CH601",
            f"the columns of the {table} {what}",
            why="a report with holes in it would be read as the truth",
            fix="score again with `churnhealth score` and report from its folder",
        )
    plain = {name: [_plain(v) for v in column] for name, column in columns.items()}
    return [
        dict(zip(plain, values, strict=True))
        for values in zip(*plain.values(), strict=True)
    ]


def _plain(value: Any) -> Any:
    """Turn a cell into a JSON value; missing in any dress becomes ``None``."""
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value.isoformat() if isinstance(value, date) else value


def _grouped(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row["account_id"]), []).append(row)
    return groups


def _account(
    row: Row, drivers: Sequence[Row], card: Mapping[str, Any], top: int
) -> Account:
    p, value, band = row["churn_probability"], row.get("value"), row["band"]
    loss = row.get("expected_loss")
    if loss is None and p is not None and value is not None:
        loss = p * value * 12
    raising, lowering = _sides(drivers, top)
    start = row.get("base_probability", card.get("base_probability"))
    return Account(
        account_id=str(row["account_id"]),
        name=row.get("name") or str(row["account_id"]),
        owner=row.get("owner"),
        segment=row.get("segment"),
        value=value,
        as_of=row["as_of"],
        scored_at=row.get("scored_at"),
        status=row["status"],
        outcome=outcome(card.get("question") or {}),
        band=band,
        word=BAND_WORDS.get(band) if band else None,
        churn_probability=p,
        about=None if p is None else about(p),
        between=between(*(row.get(f"churn_probability_{end}") for end in _ENDS)),
        health_score=row.get("health_score"),
        previous_band=row.get("previous_band"),
        move=movement(row.get("previous_band"), band),
        renewal_date=row.get("renewal_date"),
        days_to_renewal=_days_to_renewal(row),
        expected_loss=loss,
        categories={c: row.get(f"health_{c}") for c in CATEGORIES},
        rules={"score": row.get("rules_score"), "band": row.get("rules_band")},
        agreement=row.get("agreement"),
        coverage=row.get("coverage"),
        warnings=_warnings(row),
        top_driver=row.get("top_driver"),
        main_reason=main_reason(_sides(drivers, len(drivers))[0]),
        raising=raising,
        lowering=lowering,
        points=_points(start, p, raising, lowering),
        category_points=points_by_category(start, p, drivers),
        model_version=row.get("model_version"),
        bands_version=row.get("bands_version"),
    )


def _sides(rows: Sequence[Row], top: int) -> tuple[list[Driver], list[Driver]]:
    """Part the drivers into raising and lowering, the strongest of each first."""
    told = [
        Driver(
            feature=r.get("feature"),
            label=str(r["label"]),
            category=r.get("category"),
            value=r.get("value"),
            own_past=r.get("own_past"),
            peers_median=r.get("peers_median"),
            effect_log_odds=r.get("effect_log_odds"),
            effect_points=r["effect_points"] or 0.0,
            sentence=r.get("sentence"),
        )
        for r in rows
        if is_told(r["effect_points"] or 0.0)
    ]
    told.sort(key=lambda d: -abs(d["effect_points"]))
    raising = [d for d in told if d["effect_points"] > 0][:top]
    return raising, [d for d in told if d["effect_points"] < 0][:top]


def _points(
    start: float | None,
    end: float | None,
    raising: Sequence[Driver],
    lowering: Sequence[Driver],
) -> Points | None:
    """Show that the drivers add up: start + raising + lowering + other = end."""
    if start is None or end is None:
        return None
    up = sum(d["effect_points"] for d in raising)
    down = sum((d["effect_points"] for d in lowering), 0.0)
    return Points(
        start=100 * start,
        raising=up,
        lowering=down,
        other=100 * (end - start) - up - down,
        end=100 * end,
    )


def _days_to_renewal(row: Row) -> int | None:
    days = row.get("days_to_renewal")
    if days is not None:
        return int(days)
    if not row.get("renewal_date"):
        return None
    renewal = date.fromisoformat(str(row["renewal_date"])[:10])
    return (renewal - date.fromisoformat(str(row["as_of"])[:10])).days


def _warnings(row: Row) -> list[str]:
    warnings = []
    coverage = row.get("coverage")
    if coverage is not None and coverage < 0.8:
        measured = f"{100 * coverage:.0f} % of what the model reads was measured"
        tail = ": too little for a colour." if row["band"] == "grey" else "."
        warnings.append(f"Only {measured}{tail}")
    if row.get("agreement") == "further":
        warnings.append(
            "The rule and the model are two or more colours apart:"
            " talk to someone who knows the account."
        )
    return warnings


def _dearest_first(a: Account) -> tuple[bool, bool, float, float, str]:
    loss, p = a["expected_loss"], a["churn_probability"]
    unscored = a["status"] != "scored"
    return unscored, loss is None, -(loss or 0.0), -(p or 0.0), a["account_id"]


def _total(accounts: Iterable[Account], key: str) -> float | None:
    """Add up what is known; nothing known is not zero."""
    known = [v for a in accounts if (v := a.get(key)) is not None]
    return float(sum(known)) if known else None  # type: ignore[arg-type]


def _line(accounts: Sequence[Account]) -> dict[str, Any]:
    return {
        "accounts": len(accounts),
        "at_risk": sum(a["band"] in ("orange", "red") for a in accounts),
        "value": _total(accounts, "value"),
        "expected_loss": _total(accounts, "expected_loss"),
    }


def _split(
    accounts: Sequence[Account], key: Callable[[Account], str | None]
) -> list[dict[str, Any]]:
    """Count accounts by a key, the dearest expected loss first."""
    groups: dict[str | None, list[Account]] = {}
    for a in accounts:
        groups.setdefault(key(a), []).append(a)
    lines = [{"key": k, **_line(group)} for k, group in groups.items()]
    return sorted(
        lines,
        key=lambda g: (-(g["expected_loss"] or 0.0), -g["accounts"], str(g["key"])),
    )


def _agreement(scored: Sequence[Account]) -> list[dict[str, Any]]:
    judged = [a for a in scored if a["agreement"] in AGREEMENT]
    lines = _split(judged, lambda a: a["agreement"])
    return sorted(lines, key=lambda line: list(AGREEMENT).index(line["key"]))


def _bands(scored: Sequence[Account], card: Mapping[str, Any]) -> list[BandLine]:
    # Without skill the colours are the rules': the model's promises are not theirs.
    unproven = (card.get("verdict") or {}).get("skill") is False
    bands = () if unproven else card.get("bands") or ()
    promised = {str(b["band"]): b for b in bands}
    lines = []
    for band in (*BANDS, "grey"):
        inside = [a for a in scored if a["band"] == band]
        if band == "grey" and not inside:
            continue
        line = BandLine(
            band=band,
            word=BAND_WORDS[band],
            accounts=len(inside),
            share=len(inside) / len(scored) if scored else 0.0,
            value=_total(inside, "value"),
            expected_loss=_total(inside, "expected_loss"),
            promise=_promise(promised.get(band)),
        )
        lines.append(line)
    return lines


def _promise(given: Mapping[str, Any] | None) -> Promise | None:
    if given is None:
        return None
    interval = [_plain(v) for v in given.get("interval") or ()]
    return Promise(
        low=_plain(given.get("low")),
        high=_plain(given.get("high")),
        n=int(given.get("n") or 0),
        predicted=_plain(given.get("predicted")),
        observed=_plain(given.get("observed")),
        interval=interval if len(interval) == 2 and None not in interval else None,
        kept=given.get("kept"),
    )


def _movement(scored: Sequence[Account]) -> Movement | None:
    moved = [a for a in scored if a["move"]]
    if not moved:
        return None
    pairs = [(a["previous_band"], a["band"]) for a in moved]
    return Movement(
        known=len(moved),
        worse=sum(a["move"] == "worse" for a in moved),
        better=sum(a["move"] == "better" for a in moved),
        table=[[pairs.count((b, n)) for n in BANDS] for b in BANDS],
    )


def _renewals(scored: Sequence[Account]) -> list[dict[str, Any]]:
    """Split what comes up for renewal by how near it is."""
    dated = [
        (a, days)
        for a in scored
        if (days := a["days_to_renewal"]) is not None and days >= 0
    ]
    lines = []
    for low, high in _RENEWALS:
        near = [a for a, days in dated if low <= days and (not high or days < high)]
        lines.append({"from_days": low, "to_days": high, **_line(near)})
    return lines if dated else []


def _model(card: Mapping[str, Any]) -> Model:
    verdict = card.get("verdict") or {}
    metrics = card.get("metrics") or {}
    trained = card.get("trained_on") or {}
    return Model(
        version=card.get("model_version"),
        bands_version=card.get("bands_version"),
        scorer=verdict.get("chosen") or metrics.get("name"),
        skill=verdict.get("skill"),
        reasons=[str(r) for r in verdict.get("reasons") or ()],
        base_probability=_plain(card.get("base_probability")),
        metrics={k: _nested(metrics[k]) for k in _METRICS if k in metrics},
        trained_on={k: _nested(trained[k]) for k in _TRAINED if k in trained},
    )


def _nested(value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(v) for v in value]
    return _plain(value)
