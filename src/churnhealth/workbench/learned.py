"""What was learned: a backtest, and a model that scores and explains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from churnhealth.assessing import score_matrix
from churnhealth.bundle import Bundle, load_bundle, save_bundle
from churnhealth.commands.gate import promote_bundle
from churnhealth.commands.tell import place_of, told_account
from churnhealth.config import Config
from churnhealth.evaluate.backtest import Judged
from churnhealth.evaluate.learning import learning_curve
from churnhealth.evaluate.makers import scorer_makers
from churnhealth.evaluate.panel import Panel
from churnhealth.evaluate.plot_style import COLOURS, LINE, QUIET, Picture
from churnhealth.evaluate.plots import bands_plot, calibration_plot, lift_plot
from churnhealth.evaluate.plots_told import (
    drivers_plot,
    history_plot,
    lead_time_plot,
    learning_plot,
    scorers_plot,
    timeline_plot,
)
from churnhealth.evaluate.report import prediction_table
from churnhealth.evaluate.report_text import report_text, scorer_rows, sentence
from churnhealth.explain.as_shap import explanation
from churnhealth.frames import to_frame
from churnhealth.pages.render import render_card
from churnhealth.pipeline import scoring_day
from churnhealth.progress import Progress
from churnhealth.scoring import ScoreBook, score_history
from churnhealth.sources.contract import date_of, day_of
from churnhealth.sources.load import load
from churnhealth.workbench.arguments import Day, date_given, refuse_argument
from churnhealth.workbench.told import Explanation

if TYPE_CHECKING:
    from churnhealth.workbench.data import CompanyData

_KEPT = {True: "kept", False: "broken", None: "open"}

__all__ = ["Backtest", "Model", "load_model"]


class Backtest:
    """What every scorer would have been worth, on folds that could not cheat.

    ``report`` is the whole as plain values (as ``churnhealth backtest --json``); the
    tables are frames of it.
    """

    def __init__(
        self, panel: Panel, config: Config, judged: Judged, report: Mapping[str, Any]
    ) -> None:
        self.panel, self.config, self.judged, self.report = (
            panel,
            config,
            judged,
            report,
        )

    @property
    def scorers(self) -> Any:
        """AUC, log loss, gain over the constant and calibration of every scorer."""
        rows = self.report["scorers"]
        names = ("auc", "log_loss", "log_loss_gain_over_constant", "calibration_slope",
                 "predicted_over_observed", "ece", "lift_top_decile")  # fmt: skip
        table: dict[str, Any] = {"scorer": np.array(list(rows), object)}
        for name in names:
            values = [rows[s][name] for s in rows]
            table[name] = np.array([np.nan if v is None else v for v in values], float)
        return to_frame(table).set_index("scorer")

    @property
    def bands(self) -> Any:
        """Each colour's promise, and whether later time kept it."""
        return _frame_of(self.report["bands"])

    @property
    def lead_time(self) -> Any:
        """What colour the churners had, so many days before."""
        return _frame_of(self.report["lead_time"])

    @property
    def predictions(self) -> Any:
        """One row per test snapshot: label, every scorer's probability, band."""
        ids = self.panel.history.accounts.ids
        return to_frame(prediction_table(self.judged, self.report, ids))

    def learning_curve(self) -> Any:
        """Judge the test period again, learned from a part of the accounts."""
        return _frame_of(self._learning())

    def _learning(self) -> list[dict[str, Any]]:
        folds = [result.fold for result in self.judged.folds]
        makers = scorer_makers(self.config, self.panel.specs)
        return learning_curve(
            self.panel,
            folds,
            makers,
            calibration=self.config.calibration,
            seed=self.config.model.seed,
        )

    def plot(self, name: str = "scorers") -> Picture:
        """Draw folds, scorers, calibration, lift, bands, lead_time or learning."""
        y, p = self.judged.y, self.judged.p["chosen"]
        drawn = {
            "folds": lambda: timeline_plot(self.report["folds"]),
            "scorers": lambda: scorers_plot(self.report["scorers"]),
            "calibration": lambda: calibration_plot(y, p),
            "lift": lambda: lift_plot(y, p),
            "bands": lambda: bands_plot(self.report["bands"]),
            "lead_time": lambda: lead_time_plot(self.report["lead_time"]),
            "learning": lambda: learning_plot(self._learning()),
        }
        return _plot(name, drawn)

    def __repr__(self) -> str:
        return report_text(self.report)

    def _repr_html_(self) -> str:
        verdict, rows = self.report["verdict"], self.report["scorers"]
        skill = "skill" if verdict["skill"] else "no skill shown"
        leaky = self.report["leaky"]
        lines = [sentence(reason) for reason in verdict["reasons"]]
        if leaky and leaky.get("auc") is not None:
            lines.append(f"Cheating would have claimed an AUC of {leaky['auc']:.3f}.")
        bars = [
            (name, row["log_loss_gain_over_constant"], _gain_told(row),
             LINE if row["chosen"] else QUIET)
            for name, row in scorer_rows(rows) if name != "constant"
        ]  # fmt: skip
        return render_card(f"Backtest: {skill}, chosen {verdict['chosen']}", lines,
                           bars=bars, foot="log loss gained over the constant, on later"
                           " time")  # fmt: skip


class Model:
    """A trained bundle: it scores, explains, saves itself, and asks to be promoted."""

    def __init__(self, bundle: Bundle, report: Mapping[str, Any] | None = None) -> None:
        self.bundle = bundle
        self.report = bundle.card.get("backtest", {}) if report is None else report

    @property
    def version(self) -> str:
        """The name of this model, after its training day and content."""
        return self.bundle.model_version

    @property
    def card(self) -> Mapping[str, Any]:
        """What is told of the model: question, folds, metrics, promises, drivers."""
        return self.bundle.card

    @property
    def drivers(self) -> Any:
        """What moves the newest cohort most: share, direction, folds, segments."""
        return _frame_of(self.bundle.card.get("drivers", []))

    def score(self, data: CompanyData, *, as_of: Day | None = None) -> Any:
        """Score everyone in question on a day: the columns of ``scores.parquet``."""
        return to_frame(self._book(data, as_of).scores)

    def score_drivers(self, data: CompanyData, *, as_of: Day | None = None) -> Any:
        """List the drivers of everyone who is scored on a day, in words."""
        return to_frame(self._book(data, as_of).drivers)

    def explain(
        self,
        data: CompanyData,
        account: str,
        *,
        as_of: Day | None = None,
        since: Day | None = None,
        suggest: bool = False,
    ) -> Explanation:
        """Say why one account has its score, what moved it, and what would help.

        Raises ``RequestError`` CH503 or CH504 where there is no such score.
        """
        told = told_account(
            self.bundle,
            self._history(data),
            account,
            day=_day(data, as_of),
            since=None if since is None else day_of(date_given(since)),
            with_suggestion=suggest,
            now=datetime.now(UTC),
        )
        return Explanation(told)

    def history(
        self, data: CompanyData, account: str, *, every: int = 30, looks: int = 12
    ) -> Any:
        """Score one account on earlier days, oldest first: what would have been said.

        Rows are the days on which it was in question; each reads only what was known.
        Raises ``RequestError`` CH503 where there is no such account.
        """
        known = self._history(data)
        newest = _day(data, None)
        only = [place_of(account, known)]
        books = [
            score_history(
                self.bundle,
                known,
                as_of=newest - every * back,
                scored_at=datetime.now(UTC),
                only=only,
                top=0,
            ).scores
            for back in range(looks - 1, -1, -1)
        ]
        names = ("as_of", "status", "churn_probability", "health_score", "band")
        return to_frame({n: np.concatenate([b[n] for b in books]) for n in names})

    def plot_history(
        self, data: CompanyData, account: str, *, every: int = 30, looks: int = 12
    ) -> Picture:
        """Draw ``history`` over the colours."""
        rows = self.history(data, account, every=every, looks=looks).dropna()
        days = [day.date() for day in rows["as_of"]]
        risk = rows["churn_probability"].tolist()
        return history_plot(days, risk, cuts=self.bundle.cuts.cuts)

    def shap(self, data: CompanyData, *, as_of: Day | None = None) -> Any:
        """Give the drivers of everyone who is scored as a ``shap.Explanation``."""
        values = self._book(data, as_of).values
        if values is None or not values.size:
            raise refuse_argument(
                f"nobody is in question on {date_of(_day(data, as_of))}",
                fix="give a day on which somebody is, or leave it out for the newest",
            )
        why = score_matrix(self.bundle, values).explained
        return explanation(why, self.bundle.specs, values=values)

    def plot(self, name: str = "drivers") -> Picture:
        """Draw the drivers, or the promises of the bands."""
        card = self.bundle.card
        drawn = {
            "drivers": lambda: drivers_plot(card.get("drivers", [])),
            "bands": lambda: bands_plot(card["bands"]),
        }
        return _plot(name, drawn)

    def save(self, folder: str | Path) -> Path:
        """Write the bundle: all of it or nothing."""
        return save_bundle(self.bundle, Path(folder))

    def promote(
        self,
        data: CompanyData,
        folder: str | Path,
        *,
        models: str | Path,
        segment_tolerance: float = 0.05,
        refresh: bool = False,
    ) -> dict[str, Any]:
        """Ask the gate to make the bundle in ``folder`` champion of a registry.

        ``promoted`` says whether; ``reasons`` are those against it. No segment may lose
        more than ``segment_tolerance`` of its log loss. A ``refresh``, of newer data,
        need not beat the champion: it must not be worse beyond noise. Raises CH623
        where somebody else promoted or rolled back meanwhile.
        """
        with Progress() as progress:
            return promote_bundle(
                data.config,
                Path(folder),
                models=Path(models),
                tolerance=segment_tolerance,
                refresh=refresh,
                today=data.today,
                now=lambda: datetime.now(UTC),
                progress=progress,
            )

    def _history(self, data: CompanyData) -> Any:
        if not hasattr(data, "history"):
            raise refuse_argument(
                f"a {type(data).__name__} is no company",
                fix="give what company_data(...) or read_company(...) made",
            )
        known = self.bundle.schema.decimals
        if known == {log.name: log.decimals for log in data.history.events}:
            return data.history
        return load(data.config, decimals=known).history

    def _book(self, data: CompanyData, as_of: Day | None) -> ScoreBook:
        return score_history(
            self.bundle,
            self._history(data),
            as_of=_day(data, as_of),
            scored_at=datetime.now(UTC),
        )

    def __repr__(self) -> str:
        bands = ", ".join(
            f"{b['band']} {_KEPT[b['kept']]}" for b in self.bundle.card.get("bands", [])
        )
        return f"Model({self.version!r}, {self.bundle.scorer.name}; promises: {bands})"

    def _repr_html_(self) -> str:
        card = self.bundle.card
        bars = [
            (b["band"], b["observed"] or 0.0,
             "nobody" if b["observed"] is None else f"{b['observed']:.1%} churned of"
             f" {b['n']:,}; promised {b['low']:.1%} to {b['high']:.1%}",
             COLOURS.get(b["band"], QUIET))
            for b in card.get("bands", [])
        ]  # fmt: skip
        lines = [f"Scorer: {self.bundle.scorer.name}; features:"
                 f" {len(self.bundle.specs)}; trained until"
                 f" {date_of(self.bundle.as_of)}"]  # fmt: skip
        return render_card(f"Model {self.version}", lines, bars=bars,
                           foot="what the colours promise, and what came")  # fmt: skip


def load_model(folder: str | Path) -> Model:
    """Verify and load a saved bundle; raises ``BundleError`` CH401 to CH404."""
    return Model(load_bundle(Path(folder)))


def _gain_told(row: Mapping[str, Any]) -> str:
    gain, auc = row["log_loss_gain_over_constant"], row["auc"]
    return f"{gain:+.4f}" + ("" if auc is None else f", AUC {auc:.3f}")


def _plot(name: str, drawn: Mapping[str, Callable[[], Picture]]) -> Picture:
    if name not in drawn:
        fix = f"choose of {', '.join(drawn)}"
        raise refuse_argument(f"there is no plot {name!r}", fix=fix)
    return drawn[name]()


def _day(data: CompanyData, as_of: Day | None) -> int:
    if as_of is None:
        return scoring_day(data.history, data.config, today=day_of(data.today))
    return day_of(date_given(as_of))


def _frame_of(rows: Any) -> Any:
    """Make a frame of rows that are alike; lists and dicts stay what they are."""
    names = list(rows[0]) if rows else []
    table: dict[str, Any] = {}
    for name in names:
        column = np.empty(len(rows), dtype=object)
        column[:] = [row[name] for row in rows]
        table[name] = column
    return to_frame(table).infer_objects()
