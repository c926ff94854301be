"""The verb that writes one page as a file: the book, the board's, one account's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churnhealth.archive.runs import company_of, read_current, read_outcomes
from churnhealth.assessing import model_card
from churnhealth.bundle import load_bundle
from churnhealth.errors import ConfigError, RequestError
from churnhealth.pages.desk import read_desk
from churnhealth.pages.dossier import read_dossier
from churnhealth.pages.proof import headline, proof_page
from churnhealth.pages.render import render_page, render_report, write_report
from churnhealth.pages.review import review_of
from churnhealth.pages.summary import summarise

__all__ = ["REPORTS", "write_portfolio"]

REPORTS = ("portfolio", "board", "backtest", "review", "value")
"""The kinds of report: the book, the board's, the proof; one account's review, and
its first part, what it got for what it paid."""

_OF_ONE = ("review", "value")

_FILE: Mapping[str, None] = {"root": None, "here": None}  # a file leads nowhere else


def write_portfolio(
    scores: Path,
    out: Path,
    *,
    bundle_folder: Path | None,
    kind: str = "portfolio",
    account_id: str | None = None,
) -> int:
    """Write a report of the newest scores as one file; give its size in bytes.

    Raises
    ------
    InputError
        CH005 an unknown kind, or an account that is or is not named as it must be;
        RequestError CH503 an account that is not in the scores.
    """
    if kind not in REPORTS or (kind in _OF_ONE) != (account_id is not None):
        how = f" {'without' if account_id is None else 'with'} --account"
        raise ConfigError(
            "CH005",
            f"there is no report {kind!r}{how if kind in REPORTS else ''}",
            why="another report than the one meant would be read as it",
            fix=f"use --kind {', '.join(REPORTS)};"
            " --account goes with review and value, and only with them",
        )
    card = {} if bundle_folder is None else model_card(load_bundle(bundle_folder))
    card = {**card, "company": company_of(scores) or card.get("company")}
    if kind == "portfolio":
        book = read_current(scores)
        html = render_report(summarise(book.scores, book.drivers, card))
    elif account_id is not None:
        html = _review(scores, account_id, card, whole=kind == "review")
    else:
        html = _proof(scores, kind, card)
    write_report(out, html)
    return out.stat().st_size


def _review(
    scores: Path, account_id: str, card: Mapping[str, Any], *, whole: bool
) -> str:
    found = read_dossier(scores, account_id, card=card)
    if found is None:
        raise RequestError(
            "CH503",
            "there is no such account in the stored scores",
            why="a review of somebody else would be worse than none",
            fix="check the id: it is the text in the accounts source",
        )
    name, company = found["account"]["name"], str(card.get("company") or "churnhealth")
    told = {"a": found["account"], "d": found, "r": review_of(found), "whole": whole}
    title = f"{name} – {'business review' if whole else 'value report'}"
    return render_page("review", title=title, company=company, **told, **_FILE)


def _proof(scores: Path, kind: str, card: Mapping[str, Any]) -> str:
    report = card.get("backtest")
    if report is None:
        raise ConfigError(
            "CH540",
            "no backtest was given to report of",
            why="a page about proof without proof would be trusted",
            fix="name the bundle: --bundle B",
        )
    company = str(card.get("company") or "churnhealth")
    if kind == "backtest":
        return proof_page(report, company=company, since=read_outcomes(scores))
    desk = read_desk(scores)
    told: dict[str, Any] = {
        "report": report,
        "headline": headline(report),
        "desk": desk,
        "rows": [row for row in desk.rows if row["status"] == "scored"][:10],
    }
    title = f"{company} – board review"
    return render_page(kind, title=title, company=company, **told, **_FILE)
