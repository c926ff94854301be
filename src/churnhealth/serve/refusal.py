"""How a request is refused: one shape, a code, and the status that goes with it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import JSONResponse, Response

from churnhealth.errors import ChurnHealthError, RequestError

__all__ = ["SLOWEST", "STATUS", "error_response", "refused", "told", "too_slow"]

STATUS = {
    "CH501": 404,
    "CH503": 404,
    "CH510": 404,
    "CH511": 405,
    "CH512": 415,
    "CH513": 413,
    "CH515": 421,
    "CH517": 413,
    "CH518": 503,
    "CH519": 500,
    "CH528": 500,
    "CH530": 401,
    "CH531": 403,
    "CH532": 429,
    "CH533": 503,
    "CH534": 408,
    "CH536": 431,
    "CH540": 404,
}
"""The status of a code; requests' other codes are 400."""

SLOWEST = 100_000
"""Bytes per second in which a body must come in."""


def refused(code: str, what: str, *, fix: str, where: str = "") -> RequestError:
    """Make the error for a request that cannot be answered as it is."""
    why = "an answer to a misread question would look like any other"
    return RequestError(code, what, why=why, fix=fix, where=where)


def too_slow(what: str) -> RequestError:
    """Make the error for whoever sends, but hardly."""
    fix = f"send at least {SLOWEST // 1000} kB a second"
    return refused("CH534", f"{what} came in too slowly", fix=fix)


def told(error: ChurnHealthError) -> dict[str, str]:
    """Say an error in the one shape that all our errors have."""
    message = error.what.removeprefix(f"{error.where}: ")
    message = f"{message}: {error.fix}"
    return {"code": error.code, "message": message, "where": error.where}


def error_response(error: ChurnHealthError, *, allowed: Sequence[str] = ()) -> Response:
    """Answer with an error and the status of its code."""
    status = STATUS.get(error.code, 400 if isinstance(error, RequestError) else 500)
    more = {"allow": ", ".join(allowed)} if allowed else {}
    if status in (429, 503):
        more["retry-after"] = "1"  # seconds: a line of waiting requests is a second's
    # the rest is not waited for, or cannot be told from what was read
    if status in (408, 413, 431) or error.code == "CH535":
        more["connection"] = "close"
    if status == 401:  # a browser then asks for the key, as a password
        more["www-authenticate"] = 'Basic realm="churnhealth", charset="UTF-8"'
    return JSONResponse({"error": told(error)}, status_code=status, headers=more)
