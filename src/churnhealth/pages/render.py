"""The summary as a page: one file that needs no network, no script and no trust.

The only file that knows Jinja, and the only place where text becomes HTML: every
value is escaped by the one environment below, and nothing is ever marked as safe.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from churnhealth.evaluate.report_text import scorer_rows, sentence, small_segments
from churnhealth.explain.numbers import about
from churnhealth.explain.phrases import BAND_WORDS
from churnhealth.folders import write_text
from churnhealth.health.bands import BANDS
from churnhealth.pages import charts, words
from churnhealth.pages.shape import Summary
from churnhealth.said import many, minus

__all__ = [
    "render_card",
    "render_no_scores",
    "render_page",
    "render_report",
    "style_policy",
    "write_report",
]

_OWNERS = 24  # more owners than this are no longer a list that one chooses from
_CARDS = 1000  # with all of 12,000 accounts the file had 71 MB


def render_report(summary: Summary, *, most_cards: int = _CARDS) -> str:
    """Show the portfolio and its accounts as one HTML page.

    Every account is listed; ``most_cards`` of those that may lose most are told of.

    >>> from churnhealth.pages.summary import summarise
    >>> empty = {"account_id": [], "as_of": [], "status": [], "band": [],
    ...          "churn_probability": []}
    >>> none = {"account_id": [], "label": [], "effect_points": []}
    >>> page = render_report(summarise(empty, none, {"company": "A & B"}))
    >>> "A &amp; B" in page and "<script" not in page
    True
    """
    owners = {o["key"]: i for i, o in enumerate(summary["owners"][:_OWNERS])}
    page = _environment().get_template("report.html")
    return page.render(
        s=summary,
        title=f"{summary['company']} – customer health",
        owner_numbers=owners if 1 < len(summary["owners"]) <= _OWNERS else {},
        most_cards=most_cards,
    )


def render_page(name: str, **told: Any) -> str:
    """Show one of the service's pages; ``name`` is its template without ``.html``.

    All pages take ``root`` (the prefix of our addresses), ``company`` and ``here``.
    """
    return _environment().get_template(f"{name}.html").render(**told)


def style_policy(html: str) -> str:
    """Name the hashes of a page's own style elements, as a policy allows them.

    >>> style_policy("<style>a{}</style>")
    "'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk='"
    """
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    sums = (hashlib.sha256(text.encode()).digest() for text in styles)
    return " ".join(f"'sha256-{b64encode(one).decode()}'" for one in sums) or "'none'"


def render_card(
    title: str,
    lines: Sequence[str],
    *,
    bars: Sequence[tuple[str, float, str, str]] = (),
    foot: str = "",
) -> str:
    """Show an object in a notebook: a title, a few lines, bars.

    Each bar is (name, size, what is told of it, colour); sizes may be negative.

    >>> page = render_card("<b>", ["5 rows"], bars=[("a", 1.0, "one", "#1F5FA8")])
    >>> "&lt;b&gt;" in page and "5 rows" in page and "<svg" in page
    True
    """
    reach = max((abs(size) for _, size, _, _ in bars), default=0.0) or 1.0
    both = any(size < 0 for _, size, _, _ in bars)
    unit = (80.0 if both else 160.0) / reach
    zero = 80.0 if both else 0.0
    drawn = [
        {
            "name": name,
            "told": told,
            "colour": colour,
            "left": round(zero + min(0.0, size) * unit, 1),
            "width": round(abs(size) * unit, 1),
            "zero": zero if both else None,
        }
        for name, size, told, colour in bars
    ]
    page = _environment().get_template("card.html")
    return page.render(title=title, lines=list(lines), bars=drawn, foot=foot)


def render_no_scores() -> str:
    """Say how to get from a service without scores to a portfolio."""
    return _environment().get_template("no_scores.html").render()


def write_report(path: Path, html: str) -> None:
    """Write the page so that a reader sees the old or the new one, never half."""
    write_text(path, html)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        about=about,
        ahead=words.days_ahead,
        amount=words.amount,
        bar=_bar,
        columns=charts.columns,
        figure=words.figure,
        measure=words.measure,
        minus=minus,
        path=_path,
        percent=words.percent,
        points=words.points,
        scorers=scorer_rows,
        sentence=sentence,
        short=words.short,
        small_segments=small_segments,
        spark=charts.spark,
        many=many,
        recorded=words.recorded,
        spoken=words.spoken,
        trend=words.trend,
        typed=words.typed,
    )
    made.globals.update(
        agreement_words=words.AGREEMENT,
        band_names=BANDS,
        band_words=BAND_WORDS,
        slices=_slices,
        status_words=words.STATUS_WORDS,
    )
    return made


def _path(text: str) -> str:
    """Write a text as one part of an address.

    >>> _path("a/b c")
    'a%2Fb%20c'
    """
    return quote(text, safe="")


def _bar(points: float, scale: float) -> str:
    """Draw a driver's bar in a box from -50 to 50, nought in the middle.

    >>> _bar(2.0, 10.0), _bar(-5.0, 10.0)
    ('M0 0h10v8H0z', 'M-25 0h25v8H-25z')
    """
    length = round(50 * min(1.0, abs(points) / scale), 1)
    left = "0" if points >= 0 else f"{-length:g}"
    return f"M{left} 0h{length:g}v8H{left}z"


def _slices(lines: list[Mapping[str, Any]], key: str) -> list[tuple[str, float, float]]:
    """Lay the colours side by side in a box of width 1000: (band, left, width).

    >>> _slices([{"band": "green", "n": 3}, {"band": "red", "n": 1}], "n")
    [('green', 0.0, 750.0), ('red', 750.0, 250.0)]
    """
    total = sum(line[key] or 0.0 for line in lines)
    placed: list[tuple[str, float, float]] = []
    left = 0.0
    for line in lines:
        width = 1000 * (line[key] or 0.0) / total if total else 0.0
        placed.append((str(line["band"]), round(left, 1), round(width, 1)))
        left += width
    return placed
