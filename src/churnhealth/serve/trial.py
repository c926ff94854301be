"""Does a bundle survive being used? Tried in a process that may die.

A damaged model text can crash the process that reads it, hang it, or bend its scores in
silence (all three were seen). So before a worker loads a bundle, a throw-away process
loads it, scores rows as odd as any that come in, and checks that the answers are
probabilities and that their drivers add up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from churnhealth.bundle import Bundle, load_bundle
from churnhealth.errors import BundleError, ChurnHealthError

__all__ = ["try_bundle"]

_LONGEST = 60.0  # seconds
_SURE = 20.0  # log-odds: one in half a billion


def try_bundle(folder: Path) -> str:
    """Try a bundle in a process of its own. Gives its model version.

    Raises
    ------
    BundleError
        CH406 when the process died, hung, or got wrong answers; and as
        ``load_bundle`` does.
    """
    command = [sys.executable, "-m", "churnhealth.serve.trial", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_LONGEST, check=False, text=True
        )
        told = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise _failed(folder, "it took too long") from error
    except (ValueError, OSError) as error:
        raise _failed(folder, "the process died") from error
    if "code" in told:
        raise BundleError(**told)
    if "wrong" in told:
        raise _failed(folder, told["wrong"])
    version: str = told["model_version"]
    return version


def _failed(folder: Path, wrong: str) -> BundleError:
    return BundleError(
        "CH406",
        f"the bundle {folder.name} failed its trial: {wrong}",
        why="a model that cannot score odd rows would fail or mislead callers",
        fix="train again, or restore the folder; what served before still serves",
    )


def faults(bundle: Bundle) -> str | None:
    """Score rows of nothing, of zeros, of the usual and of far too much.

    Gives what is wrong with the answers, ``None`` if nothing is.
    """
    from churnhealth.assessing import score_matrix  # the starter need not load it

    usual = bundle.peers
    empty, huge = np.full_like(usual, np.nan), np.full_like(usual, 1e12)
    X = np.stack([empty, np.zeros_like(usual), usual, huge, -huge])
    told = score_matrix(bundle, X, reasons=True).explained
    if not np.all((told.probability >= 0.0) & (told.probability <= 1.0)):
        return "it gives what is no probability"
    direct = bundle.calibrator.log_odds(bundle.scorer.decision_function(X))
    if not np.allclose(told.log_odds, direct, rtol=1e-6, atol=1e-6):
        return "its drivers do not add up to its probability"
    if abs(float(told.log_odds[2])) > _SURE:
        return "it is sure of the most usual account"
    return None


def _main(folder: str) -> None:
    # LightGBM imports both where they are, for seconds, and needs neither to predict
    sys.modules.update(dict.fromkeys(("sklearn", "pandas")))  # type: ignore[arg-type]
    try:
        bundle = load_bundle(Path(folder))
        wrong = faults(bundle)
        told = {"wrong": wrong} if wrong else {"model_version": bundle.model_version}
    except ChurnHealthError as error:
        told = {"code": error.code, "what": error.what}
        told |= {"why": error.why, "fix": error.fix}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    _main(sys.argv[1])
