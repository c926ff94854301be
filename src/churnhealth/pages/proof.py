"""What the replay of the past proves, said to somebody who pays for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churnhealth.explain.phrases import BAND_WORDS
from churnhealth.explain.wording import capital
from churnhealth.pages.plots import WAYS, proof_plots
from churnhealth.pages.render import render_page
from churnhealth.pages.words import percent
from churnhealth.said import many

__all__ = ["headline", "proof_page", "proof_told", "weaknesses"]

_FEW = 100  # outcomes below which much stays uncertain


def proof_page(
    report: Mapping[str, Any], *, company: str, since: Mapping[str, Any]
) -> str:
    """Write the page of a backtest as one file that leads nowhere else.

    ``since`` is what became of earlier scores (`monitor.follow_up`), or empty.
    """
    return render_page(
        "backtest",
        title=f"{company} – does it work?",
        company=company,
        since=since,
        root=None,
        here=None,
        **proof_told(report),
    )


def proof_told(report: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what the page of the proof tells of a report, wherever it is shown."""
    return {
        "report": report,
        "replayed": replayed(report),
        "headline": headline(report),
        "lines": proof_lines(report),
        "drawn": proof_plots(report),
        "ways": WAYS,
    }


def replayed(report: Mapping[str, Any]) -> str:
    """Say what was scored when, learned from whom, and how many left: once, and rows.

    >>> fold = {"test_from": "2025-03-01", "test_to": "2025-05-01",
    ...         "outcomes_train": 29, "positives_train": 51,
    ...         "outcomes_test": 31, "positives_test": 53}
    >>> print(replayed({"folds": [fold]}))
    The past was replayed: scores were made on 2025-03-01 to 2025-05-01 with only what \
was known then, by a model that had learned from 29 accounts that left (51 scores). \
Then it was looked up who left: 31 accounts (53 scores).
    >>> replayed({"folds": [{**fold, "test_to": "2025-03-01"}]})[:60]
    'The past was replayed: scores were made on 2025-03-01 with o'
    """
    folds = report["folds"]
    first, last = folds[0], folds[-1]
    rows = sum(fold["positives_test"] for fold in folds)
    left = last["outcomes_test"]
    model, fewest = "a model", ""
    if len(folds) > 1:
        model = f"{many(len(folds), 'model')}, each newer than the one before,"
        fewest = f"{first['outcomes_train']:,} to "
        left = (report.get("gains") or {}).get("outcomes")
    counted = many(rows, "score")
    gone = counted if left is None else f"{many(left, 'account')} ({counted})"
    days = [first["test_from"], last["test_to"]]
    return (
        f"The past was replayed: scores were made on {' to '.join(dict.fromkeys(days))}"
        f" with only what was known then, by {model} that had learned"
        f" from {fewest}{many(last['outcomes_train'], 'account')} that left"
        f" ({many(last['positives_train'], 'score')}). Then it was looked up who left:"
        f" {gone}."
    )


def headline(report: Mapping[str, Any]) -> str:
    """Say in one sentence what the colours had said of those who left.

    >>> headline({"lead_time": [{"days_before": 90, "churners": 41,
    ...                          "red_or_orange": 33, "green": 2}],
    ...           "verdict": {"skill": True}})
    'Of 41 accounts that left, 33 were red or orange 90 days before, and 2 were green.'
    """
    if not report["verdict"]["skill"]:
        return (
            "On later time the score was not shown to tell who leaves: the colours are"
            " unproven."
        )
    lines = [line for line in report["lead_time"] if line["churners"]]
    if not lines:
        return "The score told who leaves better than the plain base rate."
    line = max(lines, key=lambda line: line["days_before"])
    return (
        f"Of {many(line['churners'], 'account')} that left,"
        f" {many(line['red_or_orange'], 'was', 'were')} red or orange"
        f" {many(line['days_before'], 'day')} before, and"
        f" {many(line['green'], 'was', 'were')} green."
    )


def proof_lines(report: Mapping[str, Any]) -> list[str]:
    """Say how far the chances can be taken at their word, and what colours kept."""
    chosen = report["scorers"]["chosen"]
    lines = []
    ratio = chosen.get("predicted_over_observed")
    if not any(fold.get("outcomes_test", 1) for fold in report["folds"]):
        return ["Nobody left in the test period: it can show nothing."]
    if ratio is not None:
        lines.append(
            f"For every 100 scores of accounts that left, it had expected"
            f" {100 * ratio:.0f}."
        )
    lines += _closer(chosen, report["scorers"]["constant"]["log_loss"])
    judged = [b for b in report["bands"] if b["kept"] is not None]
    if judged and report["verdict"]["skill"]:  # else the rule's are shown
        broken = [BAND_WORDS[b["band"]] for b in judged if not b["kept"]]
        told = f"; broken: {', '.join(broken)}" if broken else ""
        kept = len(judged) - len(broken)
        lines.append(f"{kept} of {len(judged)} colours kept their promise{told}.")
    late = [line for line in report["lead_time"] if line["churners"]]
    if late:
        alarm = max(late, key=lambda line: line["days_before"])["false_alarm_rate"]
        if alarm is not None:
            false = "were red or orange: false alarms"
            lines.append(f"{percent(alarm)} of the scores of who stayed {false}.")
    return lines


def _closer(chosen: Mapping[str, Any], constant: float | None) -> list[str]:
    gain = chosen.get("log_loss_gain_over_constant")
    if gain is None or not constant:
        return []
    if chosen.get("name") == "constant" and not gain:
        return ["Its chance is the average for everybody: it tells nobody apart."]
    interval = chosen.get("gain_interval")
    side, way = (1, "closer to") if gain >= 0 else (-1, "further from")
    sure = ""
    if interval:
        low, high = (
            percent(end) for end in sorted(side * x / constant for x in interval)
        )
        sure = f" ({low} to {high})"
    told = (
        f"Its chances are {percent(side * gain / constant)}{sure} {way} what happened"
    )
    return [f"{told} than the average chance for everybody (log loss)."]


def weaknesses(card: Mapping[str, Any]) -> list[str]:
    """List what is known to be weak: few outcomes, broken promises, odd slices."""
    report = card["backtest"]
    lines = []
    if not report["verdict"]["skill"]:
        lines.append(
            "It was not shown to tell who leaves on later time: colours are the rule's."
        )
    outcomes = card["trained_on"]["outcomes"]
    if outcomes < _FEW:
        lines.append(
            f"Only {many(outcomes, 'account')} had left: chances are uncertain."
        )
    lines += [
        f"{BAND_WORDS[b['band']]} broke its promise: {_seen(b)}."
        for b in report["bands"]
        if b["kept"] is False and report["verdict"]["skill"]
    ]
    slices = report.get("slices") or {}
    lines += [
        f"{capital(s['by'].replace('_', ' '))} {s['slice']}: {_seen(s)} in"
        f" {many(s['n'], 'score')}."
        for s in slices.get("reliability", [])
        if s["holds"] is False
    ]
    terms = slices.get("new_terms", [])
    if terms:
        months = sorted({f"{t['term_months']:g}" for t in terms}, key=float)
        # the bundle has learned from the rows that the backtest was tested on
        lines.append(
            f"Terms of {', '.join(months)} months came up for the first time in the"
            " test: what it has learned of them since is untested."
        )
    if unread := slices.get("unread"):
        lines.append(f"Nothing is learned from {', '.join(unread)}.")
    if crowded := len(slices.get("crowded_out", [])):
        lines.append(f"There was no room for {crowded} of the features it could make.")
    odd = [d["label"] for d in card.get("drivers", []) if d["contradicts"]]
    if odd:
        lines.append(f"Against what one would expect: {', '.join(odd[:5])}.")
    found = sum(f["severity"] != "note" for f in card.get("findings", []))
    if found:
        told = many(found, "finding")
        lines.append(f"churnhealth check tells {told} of the data it learned from.")
    return lines or ["None is known; that is not the same as none."]


def _seen(line: Mapping[str, Any]) -> str:
    expected, seen = percent(line["predicted"], 1), percent(line["observed"], 1)
    return f"{expected} expected, {seen} seen"
