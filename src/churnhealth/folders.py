"""Folders that appear whole or not at all, and pointers that never point at half."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from churnhealth.errors import ConfigError

__all__ = [
    "folder_while_running",
    "locked",
    "new_folder",
    "publish",
    "refuse_early",
    "refuse_unwritable",
    "write_text",
]

_LOCK = ".lock"
_HOLDS = "held"
_HELD = threading.local()


@contextmanager
def new_folder(
    target: Path, *, ours: Collection[str], aside: Path | None = None
) -> Iterator[Path]:
    """Give a temporary folder to fill; it takes its name when everything went well.

    A folder that already has the name is exchanged for the new one in one step, but
    only if it holds nothing but files of the names in ``ours``: what somebody else put
    there is never deleted (``ConfigError`` CH009). The old one is kept as ``aside``,
    where that is given, and deleted otherwise.

    >>> import tempfile
    >>> home = Path(tempfile.mkdtemp())
    >>> with new_folder(home / "a", ours={"x"}) as folder:
    ...     _ = (folder / "x").write_text("1")
    >>> [p.name for p in home.iterdir()]
    ['a']
    """
    _refuse_foreign(target, ours)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        sync_folder(temporary)
        if target.exists():
            _exchange(temporary, target)
            if aside is not None:
                _put_aside(temporary, aside, instead_of=target)
        else:
            temporary.rename(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_early(target: Path, *, ours: Collection[str]) -> None:
    """Refuse before hours of work what ``new_folder`` would refuse after them."""
    _refuse_foreign(target, ours)
    refuse_unwritable(target)


def refuse_unwritable(target: Path) -> None:
    """Refuse a place in whose folder nothing can be written."""
    above = target.absolute().parents
    nearest = next(folder for folder in above if folder.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(
            errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest)
        )
    if not os.access(nearest, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(nearest))


def _refuse_foreign(target: Path, ours: Collection[str]) -> None:
    if not target.exists():
        return
    foreign = target.is_file() or {p.name for p in target.iterdir()} - set(ours)
    if foreign:
        raise ConfigError(
            "CH009",
            f"{target.name} already holds something that this program did not write",
            why="writing there would delete it",
            fix="give a folder that is empty or does not exist yet",
        )


def _put_aside(old: Path, aside: Path, *, instead_of: Path) -> None:
    """Keep what was replaced; where it cannot be kept it takes its place again."""
    try:
        aside.parent.mkdir(exist_ok=True)
        old.rename(aside)
    except OSError:
        _exchange(old, instead_of)
        raise


def _exchange(one: Path, other: Path) -> None:
    """Swap two names at once, where the system can; else the old moves aside first."""
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE (linux/fs.h)
    names = os.fsencode(one), os.fsencode(other)
    if swap and swap(here, names[0], here, names[1], exchange) == 0:
        return
    aside = one.with_suffix(".old")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


def publish(temporary: Path, path: Path) -> None:
    """Make a finished temporary file visible under its name, durably."""
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replace a file's text in one step: readers see the old or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder alone; the system lets go when the process ends, however.

    Whoever holds it already, in the same thread, goes on.

    >>> import tempfile
    >>> home = Path(tempfile.mkdtemp())
    >>> with locked(home / "models"):
    ...     [p.name for p in (home / "models").iterdir()]
    ['.lock']
    """
    folder.mkdir(parents=True, exist_ok=True)
    held: set[Path] = _HELD.__dict__.setdefault("folders", set())
    if (here := folder.resolve()) in held:
        yield
        return
    with (folder / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        held.add(here)
        try:
            yield
        finally:
            held.remove(here)


@contextmanager
def folder_while_running(root: Path, prefix: str) -> Iterator[tuple[Path, int]]:
    """Give a folder of a random name that goes when the block ends, and its lock.

    Folders of the same prefix that were left by a kill go before: whoever uses one
    holds the lock of a file in it, which ends with the last process that has it open,
    however that ends. The lock is a file descriptor, for processes to inherit.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> with folder_while_running(root, "a-") as (folder, _):
    ...     folder.is_dir(), len(list(root.glob("a-*")))
    (True, 1)
    >>> list(root.iterdir())
    []
    """
    for left in root.glob(f"{prefix}*"):
        _put_away_if_left(left)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=root) as place:
        new = Path(place) / "new"
        with new.open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            new.rename(new.with_name(_HOLDS))  # never there without its lock
            yield Path(place), stream.fileno()


def _put_away_if_left(folder: Path) -> None:
    try:
        if folder.lstat().st_uid != os.getuid():
            return
        with (folder / _HOLDS).open() as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # in use, gone meanwhile, or none of these folders
        return


def sync_folder(folder: Path) -> None:
    """Ask the disk to remember the names in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
