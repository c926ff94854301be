"""What the service tells of itself while it works, to whoever counts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from churnhealth.archive.plain import Row
from churnhealth.bundle import Bundle
from churnhealth.sources.contract import Floats

__all__ = ["Observer"]


class Observer:
    """Is told what happens and counts nothing; whoever counts, says how.

    No method is told what a caller sent, other than numbers without a name.
    """

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Take an answer: its route's template, its status, the seconds it took."""

    def rejected(self, code: str) -> None:
        """Take the code of an answer, or of one account in it, that is an error."""

    def took(self, stage: str, seconds: float) -> None:
        """Take the seconds of a stage: ``wait`` for a turn, then ``work``."""

    def scored(self, bundle: Bundle, scores: Sequence[Row], X: Floats | None) -> None:
        """Take the scores of a request, and the features they were made from."""

    def serves(self, bundle: Bundle) -> None:
        """Take the model that serves from now on."""

    def refused_bundle(self, code: str) -> None:
        """Take the code of a new model that was not served."""

    def flush(self, waiting: Mapping[str, int]) -> None:
        """Write down what was gathered; ``waiting`` counts requests by lane."""
