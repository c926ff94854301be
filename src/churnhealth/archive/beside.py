"""What is kept beside the scores of a run, so that pages need nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnhealth.archive.retention import retention_history
from churnhealth.archive.timeline import people_table, records_table, usage_table
from churnhealth.bundle import Bundle
from churnhealth.config_sections import Company
from churnhealth.evaluate.terms import terms_due, unseen_terms
from churnhealth.features.kernel import compute
from churnhealth.features.spec import feature
from churnhealth.scoring import ScoreBook
from churnhealth.snapshots.cover import cover_at
from churnhealth.sources.arrays import dates_of, texts
from churnhealth.sources.contract import FAR, Coverage, Floats, History, Ints, date_of
from churnhealth.sources.renewing import agreed_ends

__all__ = ["about_run", "beside_tables", "novel_terms"]

Table = dict[str, NDArray[Any]]


def beside_tables(
    bundle: Bundle, history: History, book: ScoreBook, *, as_of: int
) -> dict[str, Table]:
    """Collect what the pages show of every listed account.

    ``profile`` (stage, terms in force), ``usage``, ``records``, ``people`` and
    ``contracts``, all as known before ``as_of``.
    """
    ids = history.accounts.ids
    account = np.flatnonzero(np.isin(ids, book.scores["account_id"])).astype(np.int64)
    return {
        "profile": _profile(bundle, history, book, account, as_of),
        "usage": usage_table(history, account=account, as_of=as_of),
        "records": records_table(history, account=account, as_of=as_of),
        "people": people_table(history, account=account, as_of=as_of),
        "contracts": _contracts(history, account, as_of),
    }


def _profile(
    bundle: Bundle, history: History, book: ScoreBook, account: Ints, as_of: int
) -> Table:
    ids = history.accounts.ids[account]
    n = account.size
    scored = book.scores["account_id"][book.scores["status"] == "scored"]
    unseen = dict(zip(scored, novel_terms(bundle, book), strict=True))
    stages: dict[str, str] = {}
    staged = len(bundle.rules.card_.stages) > 1  # one card for everyone is no stage
    if staged and book.values is not None and len(book.values):
        stages = dict(zip(scored, bundle.rules.stages(book.values), strict=True))
    table: Table = {
        "account_id": ids,
        "stage": texts(map(stages.get, ids)),
        "customer_since": np.full(n, np.datetime64("NaT", "D"), "datetime64[D]"),
        "plan": np.full(n, None, dtype=object),
        **{name: np.full(n, np.nan) for name in ("seats", "term_months", "discount")},
        "renewals": np.full(n, np.nan),
        "unseen_term": np.array([unseen.get(i, np.nan) for i in ids], np.float64),
    }
    if history.contracts is None or not history.contracts.start.size:
        return table
    cover = cover_at(
        history.contracts,
        account=account,
        as_of=np.full(n, as_of, np.int64),
        gap_days=bundle.question.gap_days or 0,
    )
    row, has = np.maximum(cover.row, 0), cover.row >= 0
    table["seats"] = _seats(bundle, history, account, as_of, cover.seats)
    for name in ("term_months", "discount"):
        table[name] = np.where(has, getattr(history.contracts, name)[row], np.nan)
    nothing = np.full(n, None, dtype=object)
    table["plan"] = np.where(has, history.contracts.plan[row], nothing)
    table["customer_since"] = dates_of(cover.start)
    table["renewals"] = cover.renewals.astype(np.float64)
    return table


def _seats(
    bundle: Bundle, history: History, account: Ints, as_of: int, agreed: Floats
) -> Floats:
    """Give the seats as the model's features read them."""
    read = [s for s in bundle.specs if s.seats is not None]
    if not read:
        return agreed
    asked = replace(feature("seats", source="contracts"), seats=read[0].seats)
    days = np.full(account.size, as_of, np.int64)
    gap_days = bundle.question.gap_days or 0
    return compute(history, (asked,), account=account, as_of=days, gap_days=gap_days)[
        :, 0
    ]


def novel_terms(bundle: Bundle, book: ScoreBook) -> Floats:
    """Give the term of each scored account that is due, if training saw none like it.

    NaN elsewhere, and where the model decides nothing.
    """
    seen = bundle.card.get("terms_seen")
    if book.values is None or seen is None or not bundle.skill:
        return np.full(int((book.scores["status"] == "scored").sum()), np.nan)
    return unseen_terms(terms_due(book.values, book.names, bundle.question), seen)


def _contracts(history: History, account: Ints, as_of: int) -> Table:
    """List the terms of each account, with only what was known of them."""
    terms = history.contracts
    if terms is None:
        none = np.zeros(0, dtype="datetime64[D]")
        dates: Table = dict.fromkeys(("start", "end", "cancelled_at"), none)
        empty = np.zeros(0)
        numbers: Table = dict.fromkeys(("value", "seats", "term_months"), empty)
        text = np.zeros(0, dtype=object)
        return {"account_id": text, **dates, **numbers, "plan": text}
    stopped = np.where(terms.notice_at < as_of, terms.cancelled_at, np.int64(FAR))
    known = terms.standing(as_of) & (stopped > terms.start)  # not withdrawn
    keep = known & np.isin(terms.account, account)
    rows, stopped = terms.rows(keep), stopped[keep]
    numbers = {
        "value": _of(rows.value, rows.start.size),
        "seats": _of(rows.seats, rows.start.size),
        "term_months": _of(rows.term_months, rows.start.size),
    }
    return {
        "account_id": history.accounts.ids[rows.account],
        "start": dates_of(rows.start),
        "end": dates_of(
            agreed_ends(rows, slice(None), np.where(stopped < FAR, stopped, as_of))
        ),
        "cancelled_at": dates_of(stopped),
        **numbers,
        "plan": rows.plan,
    }


def _of(column: Floats, n: int) -> Floats:
    return column if column.size == n else np.full(n, np.nan)


def about_run(
    bundle: Bundle,
    history: History,
    *,
    as_of: int,
    company: Company,
) -> dict[str, Any]:
    """Say what is true of a run as a whole: sources, retention, goal, question."""
    told: dict[str, Any] = {
        "company": company.name,
        "as_of": str(date_of(as_of)),
        "model_version": bundle.model_version,
        "bands_version": bundle.bands_version,
        "trained_until": str(date_of(bundle.as_of)),
        "question": bundle.question.model_dump(mode="json"),
        "skill": bundle.skill,
        "base_rate": bundle.base_rate,
        "cuts": list(bundle.cuts.cuts),
        "promises": [
            [band["low"], band["high"]] for band in bundle.card.get("bands", ())
        ],
        "at_risk_goal": company.at_risk_goal,
        "sources": _sources(history, as_of),
        "retention": [],
    }
    if history.contracts is not None:
        told["retention"] = retention_history(
            history.contracts,
            accounts=history.accounts.ids.size,
            as_of=as_of,
            gap_days=bundle.question.gap_days or 0,
        )
    return told


def _sources(history: History, as_of: int) -> list[dict[str, Any]]:
    """Say how far each source reaches, as seen on the day."""
    logs: list[tuple[str, str, Coverage, bool]] = [
        *((e.name, "events", e.coverage, e.planned) for e in history.events),
        *((s.name, "states", s.coverage, False) for s in history.states),
    ]
    lines = []
    for name, table, coverage, planned in logs:
        seen = coverage.before(as_of)
        line: Mapping[str, Any] = {
            "name": name,
            "table": table,
            "first": str(date_of(seen.first[-1])) if seen.known else None,
            "last": str(date_of(seen.last[-1])) if seen.known else None,
            "days_behind": max(0, as_of - 1 - seen.last[-1])
            if seen.known and not planned
            else None,
        }
        lines.append(dict(line))
    return lines
