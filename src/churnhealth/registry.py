"""Which bundle is the champion: one small pointer that is always whole.

A registry is a folder of bundles (``models/``) with three files beside them.
``champion.json`` is the truth of who is champion, and of who was before; it is
replaced in one step, so a reader sees the old one or the new one.
``promotions.jsonl`` tells what was done and why; lines are only ever added.
``.lock`` is held by whoever changes either.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from churnhealth.bundle import Bundle, load_bundle
from churnhealth.errors import BundleError, GateError
from churnhealth.folders import locked, sync_folder, write_text

__all__ = [
    "JOURNAL",
    "Champion",
    "Reign",
    "crown",
    "load_champion",
    "note",
    "promotions",
    "read_champion",
    "read_reign",
    "step_back",
]

SCHEMA_VERSION = 1
POINTER, JOURNAL = "champion.json", "promotions.jsonl"
_PROMOTE = "`churnhealth promote BUNDLE`"
_REMEMBERED = 50  # former champions that a rollback can still reach


@dataclass(frozen=True, kw_only=True, slots=True)
class Champion:
    """A bundle by its folder's name inside the registry, and its model version."""

    folder: str
    model_version: str

    def __post_init__(self) -> None:
        plain = self.folder and not self.folder.startswith(".")
        if not plain or "/" in self.folder or "\0" in self.folder:
            raise ValueError("not the name of a folder")

    def to_json(self) -> dict[str, str]:
        """Say it as a JSON object."""
        return {"folder": self.folder, "model_version": self.model_version}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reign:
    """The champion, and those before it, oldest first."""

    champion: Champion
    before: tuple[Champion, ...] = ()


def read_champion(models: Path) -> Champion | None:
    """Say who is champion in a registry; ``None`` where nobody was promoted yet.

    Cheap enough to be asked often: one small file is read, no bundle.

    Raises
    ------
    BundleError
        CH620 when the pointer cannot be read as one.

    >>> import tempfile
    >>> read_champion(Path(tempfile.mkdtemp())) is None
    True
    """
    reign = read_reign(models)
    return None if reign is None else reign.champion


def read_reign(models: Path) -> Reign | None:
    """Read the pointer with the champions before; raises as ``read_champion``."""
    try:
        text = (models / POINTER).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise _unreadable() from error
    try:
        raw = json.loads(text)
        if raw["schema_version"] != SCHEMA_VERSION:
            raise ValueError("another schema version")
        return Reign(
            champion=_champion(raw), before=tuple(_champion(b) for b in raw["before"])
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable() from error


def _champion(raw: Mapping[str, Any]) -> Champion:
    folder, model_version = raw["folder"], raw["model_version"]
    if not isinstance(folder, str) or not isinstance(model_version, str):
        raise TypeError("not texts")
    return Champion(folder=folder, model_version=model_version)


def load_champion(models: Path) -> tuple[Champion, Bundle]:
    """Load the champion's bundle, and make sure that it is the one promoted.

    Raises
    ------
    BundleError
        CH620 the pointer is unreadable, CH621 there is no champion, CH622 the folder
        holds another model than the one promoted, and as ``load_bundle`` does.
    """
    champion = read_champion(models)
    if champion is None:
        raise _no_champion(f"{_PROMOTE}, or name a bundle with --bundle")
    bundle = load_bundle(models / champion.folder)
    if bundle.model_version != champion.model_version:
        raise BundleError(
            "CH622",
            f"{champion.folder} does not hold the model that was promoted",
            why="a model that never passed the gate would pass for the champion",
            fix="restore the folder from a copy, or `churnhealth rollback`",
        )
    return champion, bundle


def crown(
    models: Path,
    challenger: Champion,
    *,
    over: Champion | None,
    at: datetime,
    evidence: Mapping[str, Any],
) -> Reign:
    """Make the challenger champion, if the champion is still the one it beat.

    Of several that try at the same time one wins; the others are told that what they
    were compared with is champion no more.

    Raises
    ------
    GateError
        CH623 when the champion changed since the comparison.
    """
    with locked(models):
        reign = read_reign(models)
        now = None if reign is None else reign.champion
        if now != over:
            raise GateError(
                "CH623",
                "another bundle was promoted or rolled back meanwhile",
                why="the comparison was with a champion that is none any more",
                fix="run `churnhealth promote` again: it compares with the new one",
            )
        before = () if reign is None else (*reign.before, reign.champion)
        made = Reign(champion=challenger, before=before[-_REMEMBERED:])
        _move(models, made, "promoted", at, before=over, evidence=evidence)
    return made


def _no_champion(fix: str) -> BundleError:
    return BundleError(
        "CH621",
        "no champion has been promoted yet",
        why="without one nothing says which model's scores people should act on",
        fix=fix,
    )


def step_back(models: Path, *, at: datetime) -> Reign:
    """Make the champion before the present one champion again.

    Raises
    ------
    BundleError
        CH621 when there is none at all, CH624 when there is none before it; the
        present one stays.
    """
    with locked(models):
        reign = read_reign(models)
        if reign is None:
            raise _no_champion(_PROMOTE)
        if not reign.before:
            raise BundleError(
                "CH624",
                "there is no champion before this one",
                why="a rollback goes back to what was promoted before",
                fix="promote another bundle; `churnhealth models` lists them",
            )
        earlier = reign.before[-1]
        load_bundle(models / earlier.folder)  # never point at what cannot be served
        made = Reign(champion=earlier, before=reign.before[:-1])
        _move(models, made, "rolled_back", at, before=reign.champion, evidence={})
    return made


def note(
    models: Path,
    action: str,
    bundle: Champion,
    *,
    at: datetime,
    before: Champion | None,
    evidence: Mapping[str, Any],
) -> None:
    """Add a line to the journal that changes nothing, such as a refusal."""
    with (
        locked(models),
        _journalled(models, action, bundle, at, before=before, evidence=evidence),
    ):
        pass


def promotions(models: Path) -> list[dict[str, Any]]:
    """Read the journal, oldest first; a line cut short by a crash is left out."""
    try:
        text = (models / JOURNAL).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return []
    lines = []
    for line in text.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            lines.append(told)
    return lines


def _move(
    models: Path,
    made: Reign,
    action: str,
    at: datetime,
    *,
    before: Champion | None,
    evidence: Mapping[str, Any],
) -> None:
    """Move the pointer, with a line of the journal that tells of it."""
    _mend_journal(models, before, at)
    with _journalled(
        models, action, made.champion, at, before=before, evidence=evidence
    ):
        _point(models, made, at)


def _point(models: Path, reign: Reign, at: datetime) -> None:
    pointer = {
        "schema_version": SCHEMA_VERSION,
        **reign.champion.to_json(),
        "since": at.isoformat(timespec="seconds"),
        "before": [champion.to_json() for champion in reign.before],
    }
    write_text(models / POINTER, json.dumps(pointer, indent=1) + "\n")


def _mend_journal(models: Path, now: Champion | None, at: datetime) -> None:
    """Write down a change that a crash kept out of the journal."""
    acts = [t for t in promotions(models) if t.get("champion") is not None]
    last = acts[-1]["champion"] if acts else None
    if now is not None and last != now.to_json():
        with _journalled(models, "found", now, at, before=None, evidence={}):
            pass


@contextmanager
def _journalled(
    models: Path,
    action: str,
    bundle: Champion,
    at: datetime,
    *,
    before: Champion | None,
    evidence: Mapping[str, Any],
) -> Iterator[None]:
    """Write a line of the journal, and take it back if what it tells does not happen.

    So a disk that is full stops a change before its first step.
    """
    told = {
        "at": at.isoformat(timespec="seconds"),
        "action": action,
        "bundle": bundle.to_json(),
        "champion": None if action == "refused" else bundle.to_json(),
        "before": None if before is None else before.to_json(),
        **({"evidence": dict(evidence)} if evidence else {}),
    }
    line = json.dumps(told, allow_nan=False) + "\n"
    handle = os.open(models / JOURNAL, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = "\n" + line  # a crash left half a line: it stays alone
        try:
            _write_all(handle, line.encode())
            os.fsync(handle)
            sync_folder(models)
            yield
        except BaseException:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)


def _write_all(handle: int, content: bytes) -> None:
    while content:  # the last bytes of a disk are written before it is told to be full
        content = content[os.write(handle, content) :]


def _unreadable() -> BundleError:
    return BundleError(
        "CH620",
        f"{POINTER} cannot be read as the pointer to the champion",
        why="guessing which model is champion could serve one that failed the gate",
        fix="restore the file from a copy, or remove it and promote a bundle again",
    )
