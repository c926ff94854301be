"""What Prometheus sees: few series, whatever is asked, and nothing that a caller sent.

Labels are route templates, statuses, codes, bands, and the model's own names; never a
path, an account or a value. Missing features are gathered in an array and written down
once a second, since a counter per feature and request would cost more than the score
itself. Whatever takes longer at once makes answers wait: the threads take turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from churnhealth.archive.plain import Row
from churnhealth.bundle import Bundle
from churnhealth.serve.observed import Observer
from churnhealth.sources.contract import Floats

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_TENTHS = tuple(x / 10 for x in range(1, 11))
_MANY = 64  # rows that are added up at once


class Metrics(Observer):
    """Counts with the given module's Counter, Gauge and Histogram.

    They are made at their first use: in a worker, not where this is imported.
    """

    def __init__(self, make: Any) -> None:
        self._make = make
        self._lock = Lock()
        self._served: Bundle | None = None
        self._given: Counter[str] = Counter()
        self._measured = 0
        self._missing: Floats | None = None
        self._told: list[tuple[float | None, str | None]] = []
        self._rows: list[Floats] = []
        self._of_answer: dict[tuple[str, int], Any] = {}
        self._of_stage: dict[str, Any] = {}
        self._of_feature: dict[str, Any] = {}

    def _counter(self, name: str, says: str, *labels: str) -> Any:
        given = {"name": name, "documentation": says, "labelnames": list(labels)}
        return self._make.Counter(**given)

    def _gauge(self, name: str, says: str, *labels: str, mode: str) -> Any:
        given = {"name": name, "documentation": says, "labelnames": list(labels)}
        return self._make.Gauge(**given, multiprocess_mode=mode)

    def _histogram(
        self, name: str, says: str, *labels: str, at: Sequence[float]
    ) -> Any:
        given = {"name": name, "documentation": says, "labelnames": list(labels)}
        return self._make.Histogram(**given, buckets=[*at, float("inf")])

    @cached_property
    def _seconds(self) -> Any:
        name, says = "churnhealth_request_seconds", "Time to answer"
        return self._histogram(name, says, "route", "status", at=_SECONDS)

    @cached_property
    def _stage(self) -> Any:
        name, says = "churnhealth_stage_seconds", "Time waiting for a turn and working"
        return self._histogram(name, says, "stage", at=_SECONDS)

    @cached_property
    def _rejections(self) -> Any:
        return self._counter("churnhealth_rejections", "Errors answered", "code")

    @cached_property
    def _bands(self) -> Any:
        return self._counter("churnhealth_scores", "Scores given", "band")

    @cached_property
    def _probability(self) -> Any:
        name, says = "churnhealth_churn_probability", "Churn probabilities given"
        return self._histogram(name, says, at=_TENTHS)

    @cached_property
    def _absent(self) -> Any:
        name = "churnhealth_feature_missing"
        return self._counter(name, "Scored rows that lacked a feature", "feature")

    @cached_property
    def _scored(self) -> Any:
        says = "Scored rows whose features were looked at"
        return self._counter("churnhealth_feature_rows", says)

    @cached_property
    def _model(self) -> Any:
        name, says = "churnhealth_model_info", "1 for the model that serves"
        return self._gauge(name, says, "model_version", mode="mostrecent")

    @cached_property
    def _trained(self) -> Any:
        name, says = "churnhealth_model_as_of_seconds", "Its training day, Unix time"
        return self._gauge(name, says, mode="mostrecent")

    @cached_property
    def _not_served(self) -> Any:
        name = "churnhealth_bundles_refused"
        return self._counter(name, "New models that were not served", "code")

    @cached_property
    def _waiting(self) -> Any:
        name, says = "churnhealth_waiting", "Requests that wait for a turn"
        return self._gauge(name, says, "line", mode="livesum")

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer by route template and status."""
        histogram = self._of_answer.get((route, status))
        if histogram is None:  # looking for labels takes longer than counting
            histogram = self._seconds.labels(route=route, status=str(status))
            self._of_answer[route, status] = histogram
        histogram.observe(seconds)

    def rejected(self, code: str) -> None:
        """Count an error by its code."""
        self._rejections.labels(code=code).inc()

    def took(self, stage: str, seconds: float) -> None:
        """Time a stage."""
        histogram = self._of_stage.get(stage)
        if histogram is None:
            histogram = self._of_stage[stage] = self._stage.labels(stage=stage)
        histogram.observe(seconds)

    def scored(self, bundle: Bundle, scores: Sequence[Row], X: Floats | None) -> None:
        """Gather what was scored; it is added up some rows at a time."""
        with self._lock:
            told = [(row["churn_probability"], row["band"]) for row in scores]
            self._told += told
            if X is not None and len(X) and bundle is self._served:
                self._rows.append(X)
            if len(self._told) >= _MANY:
                self._add_up()

    def _add_up(self) -> None:
        """Count chances; keep colours and missing features until they are written."""
        for probability, band in self._told:
            if probability is not None:
                self._probability.observe(probability)
            self._given[band or "none"] += 1
        self._told.clear()
        if self._rows:
            absent = np.isnan(np.concatenate(self._rows))
            lacks = absent.sum(axis=0).astype(np.float64)
            self._measured += len(absent)
            self._missing = lacks if self._missing is None else self._missing + lacks
            self._rows.clear()

    def serves(self, bundle: Bundle) -> None:
        """Name the model that serves, and no other any more."""
        if self._served is not None:
            self.flush({})
            self._model.labels(model_version=self._served.model_version).set(0)
        with self._lock:
            self._served = bundle
        self._model.labels(model_version=bundle.model_version).set(1)
        self._trained.set(float(bundle.as_of * 86_400))

    def refused_bundle(self, code: str) -> None:
        """Count a model that was not served."""
        self._not_served.labels(code=code).inc()

    def flush(self, waiting: Mapping[str, int]) -> None:
        """Write down what was gathered since the last time."""
        with self._lock:
            self._add_up()
            given, self._given = self._given, Counter()
            measured, self._measured = self._measured, 0
            missing, self._missing = self._missing, None
            bundle = self._served
        for line, count in waiting.items():
            self._waiting.labels(line=line).set(count)
        for band, many in given.items():
            self._bands.labels(band=band).inc(many)
        if bundle is None or missing is None:
            return
        self._scored.inc(measured)
        for i in np.flatnonzero(missing).tolist():
            self._lacking(bundle.names[i]).inc(float(missing[i]))

    def _lacking(self, feature: str) -> Any:
        counter = self._of_feature.get(feature)
        if counter is None:
            counter = self._of_feature[feature] = self._absent.labels(feature=feature)
        return counter
