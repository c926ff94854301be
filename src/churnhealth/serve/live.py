"""What is served at this moment: one model and the scores beside it, replaced whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Event

from churnhealth.archive.plain import Row
from churnhealth.assessing import model_card
from churnhealth.bundle import Bundle
from churnhealth.errors import ChurnHealthError
from churnhealth.serve.refusal import refused
from churnhealth.serve.stored import StoredScores

__all__ = ["Live", "Serving", "make_serving"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Serving:
    """One model and the scores beside it; ``stored`` is ``None`` without scores."""

    bundle: Bundle
    card: Row
    stored: StoredScores | None


@dataclass(kw_only=True, slots=True)
class Live:
    """What is served at this moment, and why nothing is if nothing is.

    ``loading`` is set when the first model was loaded or refused; until then questions
    wait, since another worker may have said that the service is ready.
    """

    serving: Serving | None = None
    refusal: ChurnHealthError | None = None
    loading: Event | None = None

    def now(self) -> Serving:
        """Give what is served; raises ``RequestError`` CH518 while nothing is."""
        if self.serving is None:
            why = f" ({self.refusal.code})" if self.refusal else ""
            raise refused(
                "CH518", f"no model is loaded{why}", fix="ask /readyz before you call"
            )
        return self.serving


def make_serving(bundle: Bundle, *, scores: Path | None = None) -> Serving:
    """Make a bundle ready to serve: one thread per request, first call done."""
    card = model_card(bundle)  # names the version before a setting is changed
    if "num_threads" in bundle.scorer.get_params():
        bundle.scorer.set_params(num_threads=1)

    def base(model_version: str) -> float | None:
        known = model_version == card["model_version"]
        return float(card["base_probability"]) if known else None

    stored = None if scores is None else StoredScores(scores, card=card, base=base)
    return Serving(bundle=bundle, card=card, stored=stored)
