"""A trained model on disk: written whole, verified before a byte is parsed, no pickle.

``model.txt`` is LightGBM's text (only where trees were chosen), ``bundle.json`` the
rest, ``MANIFEST.json`` names every file with its SHA-256. A damaged model text can kill
or silently bend a process, so nothing is parsed before its hash is right.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from churnhealth.config import Question
from churnhealth.errors import BundleError, ConfigError
from churnhealth.features.spec import FeatureSpec
from churnhealth.folders import new_folder, refuse_early
from churnhealth.health.bands import BandCuts
from churnhealth.health.calibrate import Calibrator
from churnhealth.health.intervals import LikelyRange
from churnhealth.scorers import scorer_from_json
from churnhealth.scorers.estimator import Scorer
from churnhealth.scorers.rules import RuleScorer
from churnhealth.sources.contract import Floats, Ints, Texts
from churnhealth.sources.schema import Schema

__all__ = [
    "EVERYONE",
    "Bundle",
    "load_bundle",
    "refuse_bundle",
    "refuse_place",
    "save_bundle",
    "seal",
]

SCHEMA_VERSION = 1
EVERYONE = ""  # the segment of those whose own has too few accounts
_LARGEST = 512 * 2**20
_MANIFEST, _DESCRIPTION, _MODEL = "MANIFEST.json", "bundle.json", "model.txt"
_FILES = {_DESCRIPTION, _MODEL, _MANIFEST}


@dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """Everything that scoring needs, and what is known about its worth.

    ``peers`` holds the median of each feature over the newest training cohort,
    ``segment_peers`` the same per segment, where a segment has enough accounts;
    ``peer_tenths`` a tenth and nine tenths (2, F) of them, per segment and for
    ``EVERYONE``; ``related`` the story that each feature tells;
    ``likely`` how far from a probability the true one may lie (``None``: not known);
    ``skill`` says whether the backtest showed any: without it the colours are the
    rules'. ``card`` is what is told to people: question, folds, metrics, promises.
    """

    as_of: int
    question: Question
    specs: tuple[FeatureSpec, ...]
    schema: Schema
    scorer: Scorer
    calibrator: Calibrator
    rules: RuleScorer
    base_rate: float
    cuts: BandCuts
    peers: Floats
    skill: bool
    card: Mapping[str, Any]
    segment_peers: Mapping[str, Floats] = field(default_factory=dict)
    peer_tenths: Mapping[str, Floats] = field(default_factory=dict)
    related: tuple[int, ...] = ()
    likely: LikelyRange | None = None

    def peers_of(self, segment: Texts) -> Floats:
        """Give the medians of similar accounts for accounts of these segments."""
        rows = [self.segment_peers.get(s, self.peers) for s in segment]
        return np.array(rows).reshape(len(rows), len(self.specs))

    def tenths_of(self, segment: Texts) -> tuple[Floats, Ints] | None:
        """Give a tenth and nine tenths of the peers, and which of them is whose."""
        if EVERYONE not in self.peer_tenths:
            return None
        place, levels = self._tenths
        whose = [place.get(s, place[EVERYONE]) for s in segment]
        return levels, np.array(whose, dtype=np.int64)

    @cached_property
    def _tenths(self) -> tuple[Mapping[str, int], Floats]:
        place = {name: i for i, name in enumerate(self.peer_tenths)}
        return place, np.stack([*self.peer_tenths.values()])

    @cached_property
    def stories(self) -> Ints:
        """Number the features that tell the same story alike, in column order."""
        return np.array(self.related or range(len(self.specs)), dtype=np.int64)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Give the model's features in the order of its columns."""
        return tuple(spec.name for spec in self.specs)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Give the category of each column."""
        return tuple(spec.category for spec in self.specs)

    @cached_property
    def column_of(self) -> Mapping[str, int]:
        """Say in which column a feature stands."""
        return {name: i for i, name in enumerate(self.names)}

    @cached_property  # every answer names it; hashing a whole model takes a while
    def model_version(self) -> str:
        """Name the model after its training day and content."""
        day, text = np.datetime64(self.as_of, "D"), self.texts[_DESCRIPTION]
        return f"{day}-{_digest(text)[:10]}"

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """The files that say all of it; of a bundle that was read, as they were read.

        A later version of the program may write them otherwise: the model is the same.
        """
        model = _model_text(self)
        described = {_DESCRIPTION: _description(self)}
        return described if model is None else {**described, _MODEL: model}

    @cached_property
    def bands_version(self) -> str:
        """Name the cut-offs after their content."""
        return _digest(json.dumps(self.cuts.to_json(), sort_keys=True))[:10]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _description(bundle: Bundle) -> str:
    text = _model_text(bundle)
    described = {
        "schema_version": SCHEMA_VERSION,
        "as_of": bundle.as_of,
        "question": bundle.question.model_dump(mode="json", exclude_unset=True),
        "specs": [spec.to_json() for spec in bundle.specs],
        "schema": bundle.schema.to_json(),
        "scorer": bundle.scorer.to_json(),
        "model_sha256": None if text is None else _digest(text),
        "calibrator": bundle.calibrator.to_json(),
        "rules": bundle.rules.to_json(),
        "base_rate": bundle.base_rate,
        "cuts": bundle.cuts.to_json(),
        "peers": _plain(bundle.peers),
        "segment_peers": {k: _plain(v) for k, v in bundle.segment_peers.items()},
        "peer_tenths": {
            k: [_plain(row) for row in v] for k, v in bundle.peer_tenths.items()
        },
        "related": list(bundle.related),
        "likely": None if bundle.likely is None else bundle.likely.to_json(),
        "skill": bundle.skill,
        "card": dict(bundle.card),
    }
    return json.dumps(described, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _plain(medians: Floats) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in medians]


def _medians(saved: list[float | None]) -> Floats:
    return np.array([np.nan if v is None else v for v in saved], dtype=np.float64)


def _model_text(bundle: Bundle) -> str | None:
    text: str | None = getattr(bundle.scorer, "model_text", None)
    return text


def refuse_place(folder: Path) -> None:
    """Refuse a folder that no bundle can be written to, before one is trained."""
    refuse_early(folder, ours=_FILES)


def save_bundle(bundle: Bundle, folder: Path) -> Path:
    """Write the bundle under ``folder``: all of it or nothing. Gives the folder."""
    files = dict(bundle.texts)
    files[_MANIFEST] = _manifest(
        {n: {"sha256": _digest(t), "size": len(t.encode())} for n, t in files.items()}
    )
    with new_folder(folder, ours=_FILES) as temporary:
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8")
    return folder


def _manifest(files: Mapping[str, Mapping[str, Any]]) -> str:
    manifest = {"schema_version": SCHEMA_VERSION, "files": files}
    return json.dumps(manifest, indent=1, sort_keys=True) + "\n"


def seal(folder: Path) -> str:
    """Tell the content of a bundle's files from any other; "" where there is none.

    Whatever ``load_bundle`` reads afterwards has the hashes that are sealed here.
    """
    try:
        return hashlib.sha256((folder / _MANIFEST).read_bytes()).hexdigest()
    except OSError:
        return ""


def refuse_bundle(folder: Path) -> None:
    """Let nothing but a bundle be written where one is: it would be valid no more.

    Raises
    ------
    ConfigError
        CH009 the folder is a bundle's.
    """
    if (folder / _MANIFEST).exists():
        raise ConfigError(
            "CH009",
            f"{folder.name} is a bundle",
            why="with other files in it its hashes would not hold, and it be refused",
            fix="give a folder of its own",
        )


def load_bundle(folder: Path) -> Bundle:
    """Verify a bundle by its manifest, then read it.

    Raises
    ------
    BundleError
        CH401 not a bundle, CH402 a file differs from the manifest, CH403 a file too
        many or too few, CH404 written by another version.
    """
    texts = _verified(folder)
    try:
        bundle = _parsed(texts)
        vars(bundle)["texts"] = texts  # frozen: this is where cached_property keeps it
        return bundle
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _refusal(
            "CH404",
            f"{folder.name} was not written by this version of the program",
            fix="train again with this version",
        ) from error


def _parsed(texts: Mapping[str, str]) -> Bundle:
    """Build the bundle from verified texts; anything odd is a plain exception."""
    raw = json.loads(texts[_DESCRIPTION])
    text = texts.get(_MODEL)
    if raw["schema_version"] != SCHEMA_VERSION:
        raise ValueError("another schema version")
    if raw["model_sha256"] != (None if text is None else _digest(text)):
        raise _refusal(
            "CH402",
            f"{_MODEL} is not the one that {_DESCRIPTION} was written with",
            fix="restore both from one copy, or train again",
        )
    scorer = scorer_from_json(raw["scorer"], model_text=text)
    rules = scorer_from_json(raw["rules"])
    if not isinstance(rules, RuleScorer):
        raise TypeError("no rules")
    return Bundle(
        as_of=raw["as_of"],
        question=Question.model_validate(raw["question"]),
        specs=tuple(FeatureSpec.from_json(s) for s in raw["specs"]),
        schema=Schema.from_json(raw["schema"]),
        scorer=scorer,
        calibrator=Calibrator.from_json(raw["calibrator"]),
        rules=_rung_like(rules, scorer),
        base_rate=raw["base_rate"],
        cuts=BandCuts.from_json(raw["cuts"]),
        peers=_medians(raw["peers"]),
        segment_peers={k: _medians(v) for k, v in raw["segment_peers"].items()},
        peer_tenths={
            k: np.array([_medians(row) for row in v])
            for k, v in raw["peer_tenths"].items()
        },
        related=tuple(raw["related"]),
        likely=None if raw["likely"] is None else LikelyRange.from_json(raw["likely"]),
        skill=raw["skill"],
        card=raw["card"],
    )


def _rung_like(rules: RuleScorer, scorer: Scorer) -> RuleScorer:
    """Give the scorer's own rung that is equal to the rules: one row asks it once."""
    said = rules.to_json()
    for rung in getattr(scorer, "members_", (scorer,)):
        if isinstance(rung, RuleScorer) and rung.to_json() == said:
            return rung
    return rules


def _verified(folder: Path) -> dict[str, str]:
    """Read every file of a bundle once, and only if it is what the manifest says."""
    try:
        if (folder / _MANIFEST).is_symlink():
            raise ValueError("a link")
        text = (folder / _MANIFEST).read_text(encoding="utf-8")
        entries: dict[str, dict[str, Any]] = json.loads(text)["files"]
        wanted = {n: (str(e["sha256"]), int(e["size"])) for n, e in entries.items()}
        if text != _manifest(entries):
            raise ValueError("not as it was written")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refusal(
            "CH401",
            f"{folder} is not a bundle: its {_MANIFEST} is missing or unreadable",
            fix="give the folder that `churnhealth train` wrote",
        ) from error
    found = {p.name for p in folder.iterdir()} - {_MANIFEST}
    if found != set(wanted) or _DESCRIPTION not in wanted:
        odd = sorted(found ^ set(wanted)) or [_DESCRIPTION]
        raise _refusal(
            "CH403",
            f"{folder.name} has a file too many or too few: {', '.join(odd)}",
            fix="restore the folder as it was written, or train again",
        )
    texts = {}
    for name, (sha256, size) in wanted.items():
        content = _content(folder / name, size)
        if content is None or hashlib.sha256(content).hexdigest() != sha256:
            raise _refusal(
                "CH402",
                f"{name} in {folder.name} is not what was written: its hash differs",
                fix="restore the file from a copy, or train again",
            )
        texts[name] = content.decode("utf-8")
    return texts


def _content(file: Path, size: int) -> bytes | None:
    """Read a regular file of the promised size; ``None`` where it is not that."""
    if "/" in file.name or file.is_symlink() or not file.is_file():
        return None
    if file.stat().st_size != size or size > _LARGEST:
        return None
    return file.read_bytes()


def _refusal(code: str, what: str, *, fix: str) -> BundleError:
    return BundleError(
        code, what, why="a damaged model can score wrongly in silence", fix=fix
    )
