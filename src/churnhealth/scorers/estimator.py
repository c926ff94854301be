"""What every scorer shares: one door for matrices, and the scikit-learn manners.

The only file that knows scikit-learn, and it asks for it late: a process that only
scores never loads it. ``Scorer`` therefore keeps scikit-learn's contract by itself
(``get_params``, tags, fitted names ending in ``_``) instead of inheriting it.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from churnhealth.scorers.curves import sigmoid
from churnhealth.scorers.matrix import (
    column_names,
    column_of,
    labels_of,
    matrix_of,
    refuse,
    same_names,
)
from churnhealth.sources.contract import Floats, Ints

__all__ = ["Scorer", "Training", "one_thread", "rungs_kept"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Training:
    """Rows to learn from: ``y`` is 0/1, ``groups`` counts from 0, ``order`` is time.

    ``outcomes`` counts distinct groups with a positive row: what "few" means.
    """

    X: Floats
    y: Floats
    groups: Ints
    order: Ints | None
    outcomes: int

    @property
    def rate(self) -> float:
        """The lightly smoothed share of positive rows."""
        return float((self.y.sum() + 0.5) / (self.y.size + 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What rungs have said of one matrix so far: margins and parts."""

    X: Floats
    said: dict[tuple[str, Scorer], Any]


T = TypeVar("T")

_ROWS = 50_000  # parted at a time, so that memory stays small

_KEPT: ContextVar[_Kept | None] = ContextVar("kept", default=None)


@contextmanager
def rungs_kept(X: Floats) -> Iterator[None]:
    """Keep what each rung says of the matrix ``X`` while the block runs.

    Several may stand on the same rung: it is asked once. Scorers that were fitted
    before must not be fitted again inside the block, nor ``X`` be changed.
    """
    kept = _KEPT.get()
    if kept is not None and kept.X is X:
        yield
        return
    token = _KEPT.set(_Kept(X, {}))
    try:
        yield
    finally:
        _KEPT.reset(token)


class Scorer(ABC):
    """A binary classifier on a float64 matrix, NaN = missing, exact in its parts."""

    name: ClassVar[str]
    may_score_poorly: ClassVar[bool] = False
    needs_both_classes: ClassVar[bool] = True
    feature_names: tuple[str, ...] | None
    classes_: NDArray[Any]
    n_features_in_: int
    names_: tuple[str, ...]

    @classmethod
    def applies(cls, feature_names: Sequence[str]) -> bool:
        """Say whether the features this scorer needs are there."""
        return len(feature_names) > 0

    def fit(
        self,
        X: Floats,
        y: Ints,
        groups: Ints | None = None,
        order: Ints | None = None,
    ) -> Self:
        """Learn from rows ``X`` (n, F) with outcomes ``y`` (0/1).

        ``groups`` is the account of each row, ``order`` its ``as_of`` day: with it,
        whatever is chosen inside is chosen on later days. Raises ``MatrixError``.
        """
        self._learn(self._door(X, y, groups, order))
        return self

    @abstractmethod
    def _learn(self, rows: Training) -> None: ...

    @abstractmethod
    def _margin(self, X: Floats) -> Floats: ...

    @abstractmethod
    def _parts(self, X: Floats) -> Floats: ...

    @abstractmethod
    def _state(self) -> dict[str, object]: ...

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> None: ...

    def decision_function(self, X: Floats) -> Floats:
        """Give the margin (n,): uncalibrated log-odds of churn."""
        return self._once("margin", self._checked(X), self._margin)

    def predict_proba(self, X: Floats) -> Floats:
        """Give (n, 2) probabilities: of staying, of churning."""
        p = sigmoid(self.decision_function(X))
        return np.column_stack([1.0 - p, p])

    def predict(self, X: Floats) -> NDArray[Any]:
        """Give the likelier class of each row."""
        likely = (self.decision_function(X) > 0).astype(np.intp)
        return self.classes_[np.minimum(likely, self.classes_.size - 1)]

    def contributions(self, X: Floats) -> Floats:
        """Split the margin: (n, F + 1), one column per feature, the base last.

        Rows sum to ``decision_function`` to 1e-9.
        """
        return self._parts(self._checked(X))

    def rung_parts(self, X: Floats) -> Floats:
        """Split the margin for a scorer standing on this one, which checked ``X``."""
        return self._once("parts", X, self._parts)

    def _once(self, what: str, X: Floats, ask: Callable[[Floats], T]) -> T:
        """Ask for something about ``X``, or give what was said of it before."""
        kept = _KEPT.get()
        if kept is None or kept.X is not X:
            return ask(X)
        found: T | None = kept.said.get((what, self))
        if found is None:
            found = kept.said[what, self] = ask(X)
        return found

    def _summed_parts(self, X: Floats) -> Floats:
        """Give the margin as the sum of its parts, some rows at a time."""
        at = range(0, X.shape[0], _ROWS)
        return np.concatenate([self._parts(X[i : i + _ROWS]).sum(axis=1) for i in at])

    def score(self, X: Floats, y: Ints) -> float:
        """Give the share of rows classified right (scikit-learn's convention)."""
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def to_json(self) -> dict[str, object]:
        """Give everything needed to score again, as plain JSON values."""
        self._must_be_fitted()
        return {
            "scorer": self.name,
            "version": 1,
            "feature_names": list(self.names_),
            "params": _plain(self._json_params()),
            "state": self._state(),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild a fitted scorer from ``to_json``; margins come out identical."""
        params = {k: _frozen(v) for k, v in saved["params"].items()}
        scorer = cls(**{**params, "feature_names": tuple(saved["feature_names"])})
        scorer.names_ = tuple(saved["feature_names"])
        scorer.n_features_in_ = len(scorer.names_)
        scorer.classes_ = np.array([0, 1])
        scorer._restore(saved["state"])
        return scorer

    def settled(self) -> Self:
        """Make an unfitted copy that need not choose again what this one chose."""
        return type(self)(**self.get_params(deep=False))

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001
        """Give the constructor's arguments (scikit-learn's convention).

        ``deep``: those of scorers among them too, as ``base__penalties``.
        """
        named = inspect.signature(type(self).__init__).parameters
        params = {name: getattr(self, name) for name in named if name != "self"}
        for name, value in [*params.items()] if deep else ():
            if isinstance(value, Scorer):
                deeper = value.get_params()
                params |= {f"{name}__{inner}": v for inner, v in deeper.items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change constructor arguments by name (scikit-learn's convention)."""
        known = self.get_params()
        for name in sorted(params, key=lambda name: "__" in name):  # a new base first
            whose, _, inner = name.partition("__")
            if inner and isinstance(getattr(self, whose, None), Scorer):
                getattr(self, whose).set_params(**{inner: params[name]})
            elif name in known:
                setattr(self, name, params[name])
            else:
                raise refuse(
                    "CH324",
                    f"{type(self).__name__} has no parameter {name!r}",
                    fix=f"use one of {sorted(known)}",
                )
        return self

    def __repr__(self) -> str:
        params = self.get_params(deep=False).items()
        given = ", ".join(f"{k}={v!r}" for k, v in params if k != "feature_names")
        return f"{type(self).__name__}({given})"

    def __sklearn_tags__(self) -> object:
        """Tell scikit-learn's tools: a binary classifier that accepts NaN."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(
                multi_class=False, poor_score=self.may_score_poorly
            ),
            input_tags=InputTags(allow_nan=True),
        )

    def _json_params(self) -> dict[str, Any]:
        given = self.get_params(deep=False)
        return {k: v for k, v in given.items() if k != "feature_names"}

    def _must_be_fitted(self) -> None:
        if not hasattr(self, "names_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet: call fit first"
            )

    def _checked(self, X: Floats) -> Floats:
        self._must_be_fitted()
        expected = getattr(self, "feature_names_in_", None)
        names = column_names(X)
        if names is not None:
            same_names(names, list(expected if expected is not None else self.names_))
        matrix = matrix_of(X)
        if matrix.shape[1] != self.n_features_in_:
            raise refuse(
                "CH320",
                f"X has {matrix.shape[1]} features, but {type(self).__name__} is"
                f" expecting {self.n_features_in_} features as input",
                fix="give the columns of `feature_names`, in that order",
            )
        return matrix

    def _door(
        self, X: Floats, y: Ints, groups: Ints | None, order: Ints | None
    ) -> Training:
        names = column_names(X)
        matrix = matrix_of(X)
        outcome = self._outcome(y, matrix.shape[0])
        rows = matrix.shape[0]
        where = (
            np.arange(rows)
            if groups is None
            else np.unique(column_of(groups, rows), return_inverse=True)[1]
        )
        self._remember(matrix, names)
        return Training(
            X=matrix,
            y=outcome,
            groups=where.astype(np.int64),
            order=None if order is None else column_of(order, rows).astype(np.int64),
            outcomes=int(np.unique(where[outcome > 0]).size),
        )

    def _remember(self, matrix: Floats, names: list[str] | None) -> None:
        given = self.feature_names if self.feature_names is not None else names
        width = matrix.shape[1]
        self.names_ = (
            tuple(f"x{i}" for i in range(width)) if given is None else tuple(given)
        )
        if names is not None:
            same_names(names, list(self.names_))
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if len(self.names_) != width:
            raise refuse(
                "CH320",
                f"the matrix has {width} columns for {len(self.names_)} feature names",
                fix="give one name per column",
            )
        self.n_features_in_ = width

    def _outcome(self, y: Ints, rows: int) -> Floats:
        values = labels_of(y, rows)
        classes = np.unique(values)
        if classes.size > 2:
            raise refuse(
                "CH321",
                "Only binary classification is supported. The type of the target is"
                f" multiclass: it has {classes.size} classes",
                fix="give 0 for stayed and 1 for churned",
            )
        # One class alone is only meaningful as 0/1: anything else has no "other".
        if classes.size == 1 and np.issubdtype(classes.dtype, np.number):
            zero_one = np.isin(classes, (0, 1)).all()
            classes = np.array([0, 1], classes.dtype) if zero_one else classes
        if self.needs_both_classes and np.unique(values).size < 2:
            raise refuse(
                "CH321",
                "the outcomes hold one class only: nothing tells churn from staying",
                fix="train on a period that has both, or use the constant scorer",
            )
        self.classes_ = classes
        positive: Floats = (values == classes[-1]).astype(np.float64)
        return positive


@contextmanager
def one_thread() -> Iterator[None]:
    """Do linear algebra on one thread: same bits everywhere, no waiting for others.

    On a busy machine with two cores the matrices of a logistic regression took three
    to twenty times as long on two threads as on one.
    """
    # It comes with scikit-learn and has no type hints.
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        yield


def _plain(value: object) -> object:
    """Turn tuples and NumPy numbers into what JSON holds."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def _frozen(value: object) -> object:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
