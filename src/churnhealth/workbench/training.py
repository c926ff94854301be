"""The training set: who was looked at when, what was known, and what happened next."""

from __future__ import annotations

from typing import Any

import numpy as np

from churnhealth.config import Config
from churnhealth.evaluate.panel import Panel
from churnhealth.frames import to_frame
from churnhealth.pages.render import render_card
from churnhealth.said import many
from churnhealth.snapshots.labels import CENSORED, LEFT_EARLY, NO, YES
from churnhealth.sources.contract import FAR

__all__ = ["TrainingSet"]

_LABELS = {NO: "stayed", YES: "churned", CENSORED: "censored", LEFT_EARLY: "in_lead"}
_LINE = "#1F5FA8"


class TrainingSet:
    """One row per account and day it was looked at.

    ``X`` holds the features (NaN where nothing was measured), ``y`` 1 where it churned
    and 0 where it stayed, for the rows whose outcome is known. ``rows`` lists all rows,
    also those that teach nothing yet.
    """

    def __init__(self, panel: Panel, config: Config) -> None:
        self.panel, self.config = panel, config
        self._labels = panel.labels()
        self._known = np.isin(self._labels.code, (NO, YES))

    @property
    def X(self) -> Any:  # noqa: N802 - the word for a feature matrix
        """Features of the rows with a known outcome, indexed by account and day."""
        rows = self.panel.X[self._known]
        table = {name: rows[:, j] for j, name in enumerate(self.panel.names)}
        return self._indexed(table)

    @property
    def y(self) -> Any:
        """Say 1 churned, 0 stayed, as ``X`` is indexed."""
        code = self._labels.code[self._known]
        return self._indexed({"churned": (code == YES).astype(np.int64)})["churned"]

    @property
    def rows(self) -> Any:
        """Every snapshot: label (churned, stayed, censored, in_lead), known when."""
        cohort, found = self.panel.cohort, self._labels
        never = np.datetime64("NaT", "D")
        dated = found.closes < FAR
        return to_frame(
            {
                "account_id": self.panel.history.accounts.ids[cohort.account],
                "as_of": cohort.as_of.astype("datetime64[D]"),
                "label": np.array([_LABELS[c] for c in found.code.tolist()], object),
                "known_on": np.where(
                    dated, found.closes.astype("datetime64[D]"), never
                ),
                "renewal_date": np.where(
                    cohort.end < FAR, cohort.end.astype("datetime64[D]"), never
                ),
            }
        )

    @property
    def features(self) -> Any:
        """What each column measures: label, category, unit, direction, actionable."""
        names = ("name", "label", "category", "unit", "direction", "actionable")
        specs = [spec.to_json() for spec in self.panel.specs]
        return to_frame({n: np.array([s[n] for s in specs], object) for n in names})

    def _indexed(self, table: dict[str, Any]) -> Any:
        cohort = self.panel.cohort
        keys = {
            "account_id": self.panel.history.accounts.ids[cohort.account[self._known]],
            "as_of": cohort.as_of[self._known].astype("datetime64[D]"),
        }
        return to_frame({**keys, **table}).set_index(["account_id", "as_of"])

    def __repr__(self) -> str:
        return f"TrainingSet({', '.join(self._facts())})"

    def _facts(self) -> list[str]:
        counts = self.panel.counts()
        return [
            f"{many(counts['snapshots'], 'row')} with a known outcome",
            f"{counts['positives']:,} churned ({many(counts['outcomes'], 'account')})",
            f"{counts['censored']:,} not knowable yet",
            many(len(self.panel.specs), "feature"),
        ]

    def _repr_html_(self) -> str:
        day = self.panel.cohort.as_of[self._known]
        yes = self._labels.code[self._known] == YES
        years = day.astype("datetime64[D]").astype("datetime64[Y]")
        bars = []
        for year in np.unique(years):
            mine = yes[years == year]
            told = f"{mine.mean():.1%} of {mine.size:,}"
            bars.append((str(year), float(mine.mean()), told, _LINE))
        question = self.config.question.kind
        return render_card(f"Training set ({question})", self._facts(), bars=bars,
                           foot="share that churned, by year")  # fmt: skip
