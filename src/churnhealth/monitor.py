"""What became of the scores that were given, and whether each colour kept its word.

A backtest promises; this looks back at the runs that people worked with, once their
windows have closed. Whoever was saved by a call counts as one that stayed: what was
done about a score is in the outcome, and no data of ours can take it out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from churnhealth.archive.runs import (
    current_folder,
    flat_of,
    history_files,
    read_about,
    run_days,
)
from churnhealth.config import Question
from churnhealth.evaluate.metrics import auc, log_loss
from churnhealth.evaluate.panel import distinct
from churnhealth.evaluate.report_text import band_lines
from churnhealth.evaluate.slices import quadrants
from churnhealth.health.bands import BANDS, BandCuts
from churnhealth.health.draws import rate_interval
from churnhealth.health.promises import broken, judged_promises
from churnhealth.said import many
from churnhealth.snapshots.labels import (
    CENSORED,
    LEFT_EARLY,
    NO,
    YES,
    data_until,
    labels,
)
from churnhealth.sources.contract import (
    FAR,
    Days,
    Flags,
    Floats,
    History,
    Ints,
    date_of,
)
from churnhealth.sources.engine import read_table

__all__ = ["follow_up", "follow_up_text"]


_READ = (
    "account_id",
    "as_of",
    "status",
    "churn_probability",
    "band",
    "rules_band",
    "value",
    "renewal_date",
    "model_version",
)
_ALARMS = ("orange", "red")
_SEED = 7


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Rows:
    """Scored accounts of one or more runs, and what became of them (n rows)."""

    account: Ints
    as_of: Days
    p: Floats
    band: NDArray[np.object_]
    rules_band: NDArray[np.object_]
    value: Floats
    model: NDArray[np.object_]
    code: NDArray[np.int8]
    closes: Days

    @property
    def y(self) -> Floats:
        """1 for whoever churned, 0 for all others."""
        churned: Floats = (self.code == YES).astype(np.float64)
        return churned

    def at(self, keep: Flags) -> Self:
        """Give some of the rows."""
        kept = {f.name: getattr(self, f.name)[keep] for f in fields(self)}
        return type(self)(**kept)

    def of_model(self, version: str) -> Self:
        """Give the rows of a model whose outcome is known."""
        known = (self.code == YES) | (self.code == NO)
        return self.at(known & (self.model == version))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put the rows of several runs one after the other."""
        names = [f.name for f in fields(cls)]
        return cls(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})


def follow_up(history: History, question: Question, out: Path) -> dict[str, Any]:
    """Compare the last run of each day under ``out`` with what happened since.

    ``runs`` has a line per run, ``models`` one per model that scored: what was
    expected, what was seen, and of each colour what was promised and whether it was
    kept. Rows whose window has not closed by the end of the data count as ``open``;
    accounts that are gone from the accounts source are counted and cannot be judged.
    Each run is judged by the question that it answered; ``asked`` says how that differs
    from ``question``. Runs of a day before the end of their model's training data are
    named and left out.

    Raises
    ------
    RequestError
        CH501 no scores are stored under ``out``.
    """
    current_folder(out)
    runs, parts, said = _judged_runs(history, question, out)
    everything = _Rows.joined(parts) if parts else None
    return {
        "schema_version": 1,
        "data_until": str(date_of(data_until(history, question))),
        "question": question.model_dump(mode="json"),
        "runs": runs,
        "models": [
            _model_line(version, everything.of_model(version), about)
            for version, about in said.items()
            if everything is not None
        ],
    }


def _judged_runs(
    history: History, question: Question, out: Path
) -> tuple[list[dict[str, Any]], list[_Rows], dict[str, Mapping[str, Any]]]:
    """Give a line per run, the rows that are judged, and what each model promised."""
    reach: dict[str, int] = {}
    runs: list[dict[str, Any]] = []
    parts: list[_Rows] = []
    said: dict[str, Mapping[str, Any]] = {}
    stored = dict(history_files(out))
    for day in sorted({*stored, *run_days(out)}):
        about = read_about(out / day)
        line: dict[str, Any] = {"as_of": day}
        answered = _answered(about, question)
        if answered is not None and (asked := _differing(answered, question)):
            line["asked"] = asked
        if why := _left_out(about, day, answered, history):
            runs.append({**line, "left_out": why})
            continue
        if day in stored:
            table = read_table(stored[day], columns=_READ)
        else:  # restored without `history/`, which the next run writes again
            table = flat_of(out, day)
        asks = answered or question
        key = asks.model_dump_json()
        if key not in reach:
            reach[key] = data_until(history, asks)
        rows, gone = _outcomes(table, history, asks, reach[key])
        runs.append({**line, **_run_line(rows, gone)})
        parts.append(rows)
        said |= dict.fromkeys(set(rows.model.tolist()), about)
    return runs, parts, said


def _answered(about: Mapping[str, Any], question: Question) -> Question | None:
    """Give the question of a run; ``None`` where we cannot read it."""
    asked = about.get("question")
    if not isinstance(asked, dict):
        return question  # a run of an earlier version
    silence = asked.get("kind") == "inactivity"  # which must not say its gap
    given = {k: v for k, v in asked.items() if not (silence and k == "gap_days")}
    try:
        told = Question.model_validate(given)
    except ValidationError:
        return None
    return told.model_copy(update={"data_until": question.data_until})


def _differing(answered: Question, question: Question) -> dict[str, Any]:
    """Say what a run was asked that is asked otherwise now."""
    asked, now = (q.model_dump(mode="json") for q in (answered, question))
    return {key: asked[key] for key in now if asked[key] != now[key]}


def _left_out(
    about: Mapping[str, Any], day: str, answered: Question | None, history: History
) -> str | None:
    """Say why a run tells nothing.

    A model that was trained later has seen what became of the accounts of that day.
    """
    if answered is None or (
        answered.kind != "inactivity" and history.contracts is None
    ):
        return "it answered a question that these sources cannot"
    if day < str(about.get("trained_until", "")):
        return "its model was trained on data of later days"
    return None


def _outcomes(
    table: Mapping[str, NDArray[Any]], history: History, question: Question, until: int
) -> tuple[_Rows, int]:
    """Label who was scored in a run; count who is gone."""
    scored = table["status"] == "scored"
    place = {name: i for i, name in enumerate(history.accounts.ids.tolist())}
    found = np.array([place.get(i, -1) for i in table["account_id"]], np.int64)
    keep = scored & (found >= 0)
    account, as_of = found[keep], _days(table["as_of"][keep])
    end = _days(table["renewal_date"][keep])
    told = labels(
        history, question, account=account, as_of=as_of, end=end, data_until=until
    )
    rows = _Rows(
        account=account,
        as_of=as_of,
        p=table["churn_probability"][keep].astype(np.float64),
        band=table["band"][keep],
        rules_band=table["rules_band"][keep],
        value=table["value"][keep].astype(np.float64),
        model=table["model_version"][keep],
        code=told.code,
        closes=told.closes,
    )
    return rows, int((scored & (found < 0)).sum())


def _days(column: NDArray[Any]) -> Days:
    """Count days; a day that is not known lies far ahead."""
    days = column.astype("datetime64[D]")
    return np.where(np.isnat(days), FAR, days.astype(np.int64))


def _run_line(rows: _Rows, gone: int) -> dict[str, Any]:
    open_ = rows.code == CENSORED
    known = rows.at((rows.code == YES) | (rows.code == NO))
    value = np.isfinite(known.value)
    yearly = 12.0 * known.value[value]
    return {
        "scored": int(rows.account.size) + gone,
        "gone": gone,
        "open": int(open_.sum()),
        "closes": str(date_of(int(rows.closes[open_].max()))) if open_.any() else None,
        "left_early": int((rows.code == LEFT_EARLY).sum()),
        "known": int(known.account.size),
        "expected_churn": float(known.p.sum()),
        "churned": int(known.y.sum()),
        "expected_loss": float(known.p[value] @ yearly) if value.any() else None,
        "lost": float(known.y[value] @ yearly) if value.any() else None,
    }


def _model_line(version: str, rows: _Rows, about: Mapping[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "model_version": version,
        "skill": about.get("skill"),
        "known": int(rows.account.size),
        "accounts": distinct(rows.account),
        "churned_accounts": distinct(rows.account[rows.y == 1]),
    }
    if not rows.account.size:
        return line
    base = about.get("base_rate")
    both = 0 < rows.y.sum() < rows.y.size
    constant = log_loss(np.full(rows.y.size, base), rows.y) if base else None
    return {
        **line,
        "from": str(date_of(int(rows.as_of.min()))),
        "to": str(date_of(int(rows.as_of.max()))),
        "predicted": float(rows.p.mean()),
        "observed": float(rows.y.mean()),
        "interval": list(rate_interval(rows.y, rows.account, seed=_SEED)),
        "auc": auc(rows.p, rows.y) if both else None,
        "log_loss": log_loss(rows.p, rows.y),
        "log_loss_constant": constant,
        **_promises_kept(rows, about),
        "churners": _colours_before(rows),
        "agreement": quadrants(
            np.isin(rows.band, _ALARMS),
            np.isin(rows.rules_band, _ALARMS),
            account=rows.account,
            y=rows.y,
        ),
    }


def _promises_kept(rows: _Rows, about: Mapping[str, Any]) -> dict[str, Any]:
    """Hold a model to what it promised, if that is on record and there was skill."""
    if not about.get("skill") or not about.get("promises"):
        return {"bands": None, "broken": []}
    cuts = BandCuts(cuts=tuple(about["cuts"]))
    said = [tuple(pair) for pair in about["promises"]]
    told = judged_promises(said, cuts, rows.p, rows.y, rows.account, seed=_SEED)
    return {
        "bands": [promise.to_json() for promise in told],
        "broken": list(broken(told, skill=False)),
    }


def _colours_before(rows: _Rows) -> dict[str, int]:
    """Count whoever left by the colour that was shown last before."""
    churned = rows.at(rows.y == 1)
    newest = np.lexsort((churned.as_of, churned.account))
    last = np.flatnonzero(np.diff(churned.account[newest], append=-1) != 0)
    shown = churned.band[newest][last].tolist()
    return {band: shown.count(band) for band in (*BANDS, "grey")}


def follow_up_text(told: Mapping[str, Any]) -> str:
    """Say in a page what ``follow_up`` found."""
    lines = [f"Outcomes known until {told['data_until']}.", ""]
    lines += [
        f"{'run of':<11}{'scored':>8}{'known':>8}{'open':>7}{'expected':>10}{'left':>6}"
    ]
    lines += [_run_text(run) for run in told["runs"]]
    lines += _asked_text(told["runs"])
    for model in told["models"]:
        lines += ["", *_model_text(model)]
    if gone := sum(run.get("gone", 0) for run in told["runs"]):
        lines += [
            "",
            f"{many(gone, 'score is', 'scores are')} of accounts that are gone from the"
            " accounts source. If they left and were deleted, all this is too friendly:"
            " keep who left. If their ids were changed, give them the old ones in the"
            " `sql` of every source.",
        ]
    waits = [run["closes"] for run in told["runs"] if run.get("closes")]
    if waits:
        lines += ["", f"The oldest run that is still open closes on {min(waits)}."]
    return "\n".join(lines)


def _run_text(run: Mapping[str, Any]) -> str:
    if "left_out" in run:
        return f"{run['as_of']:<11}left out: {run['left_out']}"
    line = f"{run['as_of']:<11}{run['scored']:>8}{run['known']:>8}{run['open']:>7}"
    if not run["known"]:
        return line
    return f"{line}{run['expected_churn']:>10.1f}{run['churned']:>6}"


def _asked_text(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which runs answered another question than is asked now."""
    other = [run for run in runs if run.get("asked")]
    if not other:
        return []
    asked = {f"{key} = {value}" for run in other for key, value in run["asked"].items()}
    one = len(other) == 1
    return [
        "",
        f"{_runs_of(other[0]['as_of'], other[-1]['as_of']).capitalize()} answered"
        f" another question ({', '.join(sorted(asked))}) and"
        f" {'is' if one else 'are'} judged by it.",
    ]


def _runs_of(first: str, last: str) -> str:
    return f"run of {first}" if first == last else f"runs of {first} to {last}"


def _model_text(model: Mapping[str, Any]) -> list[str]:
    if not model["known"]:
        return [f"Model {model['model_version']}: no outcome is known yet."]
    low, high = model["interval"]
    lines = [
        f"Model {model['model_version']}, {_runs_of(model['from'], model['to'])}:"
        f" {many(model['accounts'], 'account')}, {model['churned_accounts']} left.",
        f"Expected {model['predicted']:.1%}, seen {model['observed']:.1%}"
        f" ({low:.1%} to {high:.1%})"
        + (f"; AUC {model['auc']:.3f}" if model["auc"] is not None else "")
        + (
            f"; log loss {model['log_loss']:.4f}, of the base rate"
            f" {model['log_loss_constant']:.4f}."
            if model["log_loss_constant"] is not None
            else f"; log loss {model['log_loss']:.4f}."
        ),
    ]
    if model["bands"] is None:
        lines.append(
            "The colours were the rules', which promise nothing."
            if model["skill"] is False
            else "What its colours promised is not on record: its runs are older."
        )
    else:
        lines += band_lines(model["bands"])
    lines += model["broken"]
    shown = ", ".join(f"{n} {b}" for b, n in model["churners"].items() if n)
    if shown:
        lines.append(f"Who left was last shown as: {shown}.")
    return lines
