"""A weighted sum of scorers' margins: parts still add up, noise averages out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from churnhealth.scorers import scorer_from_json
from churnhealth.scorers.estimator import Scorer, Training, rungs_kept
from churnhealth.scorers.standing import StandingScorer
from churnhealth.sources.contract import Floats

__all__ = ["BlendScorer"]


class BlendScorer(Scorer):
    """The sum of its ``members``' margins times ``weights``; without, their mean.

    The members are scorers over the same columns.

    >>> from churnhealth.scorers.baselines import ConstantScorer
    >>> X, y = [[1.0], [2.0], [3.0], [4.0]], [0, 0, 0, 1]
    >>> blend = BlendScorer(members=(ConstantScorer(), ConstantScorer())).fit(X, y)
    >>> one = ConstantScorer().fit(X, y)
    >>> bool(blend.decision_function([[5.0]]) == one.decision_function([[5.0]]))
    True
    """

    name: ClassVar[str] = "blend"
    members_: tuple[Scorer, ...]

    def __init__(
        self,
        *,
        feature_names: tuple[str, ...] | None = None,
        members: Sequence[Scorer] = (),
        weights: Sequence[float] | None = None,
    ) -> None:
        self.feature_names = feature_names
        self.members = members
        self.weights = weights

    @classmethod
    def of(
        cls, fitted: Sequence[Scorer], *, weights: Sequence[float] | None = None
    ) -> Self:
        """Blend scorers that are fitted already."""
        first = fitted[0]
        blend = cls(feature_names=first.names_, weights=weights)
        blend.names_, blend.n_features_in_ = first.names_, first.n_features_in_
        blend.classes_ = first.classes_
        blend.members_ = tuple(fitted)
        return blend

    def _learn(self, rows: Training) -> None:
        y, fitted = rows.y.astype(np.int64), list[Scorer]()
        for member in self.members:
            if isinstance(member, StandingScorer) and member.base in fitted:
                member.stand_on(member.base)
            fitted.append(member.fit(rows.X, y, rows.groups, rows.order))
        self.members_ = tuple(fitted)

    def _margin(self, X: Floats) -> Floats:
        with rungs_kept(X):
            return self._summed([m.decision_function(X) for m in self.members_])

    def _parts(self, X: Floats) -> Floats:
        with rungs_kept(X):
            return self._summed([m.rung_parts(X) for m in self.members_])

    def _summed(self, given: Sequence[Floats]) -> Floats:
        weights = self.weights or [1.0 / len(given)] * len(given)
        total = weights[0] * given[0]
        for weight, one in zip(weights[1:], given[1:], strict=True):
            total += weight * one
        return total

    @property
    def model_text(self) -> str | None:
        """The text of the one member that has trees; ``None`` without."""
        texts = (getattr(m, "model_text", None) for m in self.members_)
        return next((text for text in texts if text is not None), None)

    def settled(self) -> Self:
        """Make an unfitted copy whose members need not choose again.

        A copy stands on the copy of the member that its original stands on.
        """
        copies = {member: member.settled() for member in self.members_}
        for copy in copies.values():
            if isinstance(copy, StandingScorer) and copy.base in copies:
                copy.base = copies[copy.base]
        return type(self)(
            feature_names=self.feature_names,
            members=tuple(copies[member] for member in self.members_),
            weights=self.weights,
        )

    def _json_params(self) -> dict[str, Any]:
        weights = None if self.weights is None else list(self.weights)
        return {"weights": weights}  # the members are kept whole, fitted

    def _state(self) -> dict[str, object]:
        return {"members": [m.to_json() for m in self.members_]}

    @classmethod
    def from_json(
        cls, saved: Mapping[str, Any], *, model_text: str | None = None
    ) -> Self:
        """Rebuild from ``to_json`` and the verified text of the member with trees."""
        members = [
            scorer_from_json(member, model_text=model_text)
            for member in saved["state"]["members"]
        ]
        _stand_together(members)
        return cls.of(members, weights=saved["params"].get("weights"))

    def _restore(self, state: Mapping[str, Any]) -> None:
        raise NotImplementedError("a blend is rebuilt by from_json as a whole")


def _stand_together(members: Sequence[Scorer]) -> None:
    """Let equal rungs be one: what a member stands on is often a member too."""
    rungs: dict[str, Scorer] = {}

    def one(scorer: Scorer) -> Scorer:
        return rungs.setdefault(json.dumps(scorer.to_json(), sort_keys=True), scorer)

    for member in members:
        above = one(member)
        while isinstance(above, StandingScorer) and above.base_ is not None:
            above.base_ = one(above.base_)
            above = above.base_
