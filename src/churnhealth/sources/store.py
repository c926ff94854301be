"""Sorted events that are kept between runs, so that a second run need not sort.

A source is kept under a digest of all that decides how it comes out: the content of
its files, its part of the configuration, and the way words are written. What is found
is taken as it lies on the disk (memory-mapped) once its own digest agrees; whatever
does not agree is read anew. A `sql` source is not kept: nobody knows what it reads.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from churnhealth.folders import new_folder
from churnhealth.sources.arrays import texts
from churnhealth.sources.packed import Field, Words
from churnhealth.sources.reading import Opened
from churnhealth.sources.tables import Part

__all__ = ["find_sorted", "keep_sorted", "sorted_key"]

_FORMAT = 7  # raise it when rows come out otherwise from the same files
_ABOUT = "about.txt"
_KEPT = 2  # versions of one source; older ones are deleted


def sorted_key(opened: Opened, **settings: object) -> str | None:
    """Digest what decides how a source comes out, ``None`` if that cannot be known."""
    if not opened.files:
        return None
    said = {
        "format": _FORMAT,
        "source": opened.source.model_dump(mode="json", exclude={"path"}),
        "settings": settings,
        "kinds": dict(opened.kinds),
    }
    if "currency" in opened.columns:
        said["rates"] = dict(opened.rates)
    made = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for file in opened.files:
        with Path(file).open("rb") as stream:
            made.update(hashlib.file_digest(stream, "sha256").digest())
    return made.hexdigest()


def find_sorted(store: Path, opened: Opened, key: str) -> Part | None:
    """Take a source from the store; ``None`` if it is not there, whole and unharmed."""
    folder = _folder(store, opened, key)
    try:
        about = _unsealed((folder / _ABOUT).read_text(encoding="utf-8"))
        fields = tuple(Field(**field) for field in about["fields"])
        arrays = tuple(
            np.load(folder / name, mmap_mode="r", allow_pickle=False)
            for name in _files(fields)
        )
        words = Words(arrays=arrays, fields=fields)
        if words.fingerprint() != about["fingerprint"] or about["key"] != key:
            return None
        people = about["people"]
        return Part(
            opened=opened,
            ids=texts(about["ids"]),
            words=words,
            vocabulary=tuple(about["vocabulary"]),
            categories=tuple(about["categories"]),
            people=None if people is None else texts(people),
            counts=about["counts"],
            examples=about["examples"],
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


def keep_sorted(store: Path, part: Part, key: str) -> Part:
    """Put a source into the store, and give it as it lies there.

    Older versions of the source are deleted.

    Raises
    ------
    OSError
        The store cannot be written; what stood there is unchanged.
    """
    words, opened = part.words, part.opened
    assert words is not None
    about: Mapping[str, Any] = {
        "key": key,
        "fields": [asdict(field) for field in words.fields],
        "fingerprint": words.fingerprint(),
        "ids": part.ids.tolist(),
        "vocabulary": part.vocabulary,
        "categories": part.categories,
        "people": None if part.people is None else part.people.tolist(),
        "counts": part.counts,
        "examples": part.examples,
    }
    names = _files(words.fields)
    target = _folder(store, opened, key)
    store.mkdir(parents=True, exist_ok=True, mode=0o700)
    with new_folder(target, ours={*names, _ABOUT}) as folder:
        for name, array in zip(names, words.arrays, strict=True):
            np.save(folder / name, array, allow_pickle=False)
        (folder / _ABOUT).write_text(_sealed(json.dumps(about)), encoding="utf-8")
    _forget_older(store, opened)
    arrays = tuple(np.load(target / name, mmap_mode="r") for name in names)
    return replace(part, words=replace(words, arrays=arrays))


def _sealed(text: str) -> str:
    """Put its digest before a text: a bent letter in an id would else be believed."""
    return f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def _unsealed(sealed: str) -> dict[str, Any]:
    text = sealed.partition("\n")[2]
    if sealed != _sealed(text):
        raise ValueError("the description of the stored rows is damaged")
    about: dict[str, Any] = json.loads(text)
    return about


def _folder(store: Path, opened: Opened, key: str) -> Path:
    return store / f"{opened.name}-{key[:24]}"


def _files(fields: tuple[Field, ...]) -> list[str]:
    return [f"word_{i}.npy" for i in range(fields[-1].word + 1)]


def _forget_older(store: Path, opened: Opened) -> None:
    """Keep the newest versions of a source; only folders that we wrote are deleted."""
    length = len(opened.name) + 25
    mine = [
        folder
        for folder in store.glob(f"{opened.name}-*")
        if len(folder.name) == length and (folder / _ABOUT).is_file()
    ]
    newest = sorted(mine, key=lambda folder: folder.stat().st_mtime_ns, reverse=True)
    for folder in newest[_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)
