"""The verbs that tell: scores, and one account in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from churnhealth.archive.beside import about_run, beside_tables
from churnhealth.archive.moves import move_tables
from churnhealth.archive.plain import plain_rows
from churnhealth.archive.runs import (
    bands_of,
    earlier_scores,
    read_about,
    write_outcomes,
    write_scores,
)
from churnhealth.archive.tasks import tasks_of_run
from churnhealth.assessing import model_card, score_matrix
from churnhealth.bundle import Bundle, load_bundle, refuse_bundle
from churnhealth.commands.cautions import STALE_DAYS, RunBefore, cautions
from churnhealth.config import Config
from churnhealth.errors import ConfigError, RequestError
from churnhealth.explain.drivers import Explained, roll_up
from churnhealth.explain.phrases import BAND_WORDS
from churnhealth.folders import locked
from churnhealth.monitor import follow_up
from churnhealth.pages.words import outcome
from churnhealth.pipeline import scoring_day
from churnhealth.progress import Progress
from churnhealth.scorers.card import read_card
from churnhealth.scorers.condition_words import Words
from churnhealth.scorers.rule_words import card_rows, card_text
from churnhealth.scoring import ScoreBook, score_history
from churnhealth.sources.contract import History, Texts, date_of, day_of
from churnhealth.sources.load import load
from churnhealth.what_if import suggest

__all__ = ["explain_account", "look_back", "read_rules", "score_cohort"]


def score_cohort(
    config: Config,
    *,
    bundle_folder: Path,
    out: Path,
    as_of: int | None,
    file_format: str,
    now: datetime,
    progress: Progress,
) -> dict[str, Any]:
    """Score everyone as of a day and write the two tables."""
    if file_format not in {"parquet", "csv"}:
        raise ConfigError(
            "CH005",
            "there is no such format",
            why="other programs must be able to read the scores",
            fix="use --format parquet or --format csv",
        )
    refuse_bundle(out)
    bundle, history, day = _ready(config, bundle_folder, as_of, now, progress)
    with locked(out):  # a run of another day that ends meanwhile would not be seen
        earlier = earlier_scores(out, before=date_of(day))
        with progress.stage("score"):
            book = score_history(
                bundle,
                history,
                as_of=day,
                scored_at=now,
                previous=bands_of(earlier[1]) if earlier else None,
                hysteresis=config.bands.hysteresis,
            )
        if not (book.scores["status"] == "scored").any():
            raise RequestError(
                "CH506",
                f"nobody is in question on {date_of(day)}",
                why="an empty run would replace the scores that people look at",
                fix="give another --as-of, or check [question] and the contracts",
            )
        with progress.stage("write"):
            beside = beside_tables(bundle, history, book, as_of=day)
            if earlier:
                beside |= move_tables(
                    bundle, history, book, since=earlier[0], earlier=earlier[1]
                )
            if config.playbooks:
                beside["tasks"] = tasks_of_run(
                    config.playbooks,
                    book,
                    out,
                    beside=beside,
                    as_of=date_of(day),
                    question=bundle.question,
                )
            folder = write_scores(
                book,
                out,
                as_of=date_of(day),
                file_format="csv" if file_format == "csv" else "parquet",
                beside=beside,
                about=about_run(bundle, history, as_of=day, company=config.company),
            )
    begun = Counter(beside["tasks"]["playbook"].tolist() if config.playbooks else ())
    return {
        "schema_version": 1,
        "as_of": str(date_of(day)),
        "folder": str(folder),
        "model_version": bundle.model_version,
        **_counts(book.scores),
        "tasks": {book.name: begun[book.name] for book in config.playbooks},
        "warning": cautions(
            bundle,
            config,
            history,
            book,
            day=day,
            before=_run_before(out, *earlier) if earlier else None,
            today=now if as_of is None else None,
        ),
    }


def _counts(scores: Mapping[str, Texts]) -> dict[str, Any]:
    """Count the accounts of a run: all, those scored, and by status and colour."""
    statuses = Counter(scores["status"].tolist())
    bands = Counter(b for b in scores["band"].tolist() if b is not None)
    return {
        "listed": statuses.total(),
        "scored": bands.total(),
        "statuses": dict(sorted(statuses.items())),
        "bands": {band: bands[band] for band in BAND_WORDS if band in bands},
    }


def _run_before(out: Path, day: date, scores: Mapping[str, Texts]) -> RunBefore:
    question = read_about(out / str(day)).get("question")
    return RunBefore(
        accounts=scores["account_id"],
        scored=int((scores["status"] == "scored").sum()),
        question=question if isinstance(question, dict) else None,
    )


def _ready(
    config: Config,
    bundle_folder: Path,
    as_of: int | None,
    now: datetime,
    progress: Progress,
) -> tuple[Bundle, History, int]:
    with progress.stage("bundle"):
        bundle = load_bundle(bundle_folder)
    _refuse_other_question(bundle, config)
    with progress.stage("read"):
        history = load(config, decimals=bundle.schema.decimals).history
    newest = scoring_day(history, config, today=day_of(now.date()))
    if as_of is not None and as_of > newest + STALE_DAYS:
        raise RequestError(
            "CH505",
            f"the data end before {date_of(newest)}, long before {date_of(as_of)}",
            why="silence after the end of the files would read as silence of customers",
            fix="load newer data, or leave --as-of out",
        )
    return bundle, history, newest if as_of is None else as_of


def _refuse_other_question(bundle: Bundle, config: Config) -> None:
    asked, learned = config.question, bundle.question
    differing = [
        name
        for name in type(asked).model_fields
        if name != "data_until" and getattr(asked, name) != getattr(learned, name)
    ]
    if differing:
        raise ConfigError(
            "CH011",
            f"the bundle was trained for another question: {', '.join(differing)}",
            why="its probabilities answer that question, not the one asked here",
            fix="train a bundle with this configuration, or give the one it came from",
        )


def look_back(
    config: Config, scores: Path, *, progress: Progress
) -> tuple[dict[str, Any], str | None]:
    """Compare stored scores with what happened since, and keep it beside them.

    Where nothing can be kept, as in an archive that is only read, it is told all the
    same; the second text says so. Raises as ``follow_up`` does.
    """
    with progress.stage("read"):
        history = load(config).history
    with progress.stage("compare"):
        told = follow_up(history, config.question, scores)
    try:
        write_outcomes(scores, told)
    except OSError as error:
        return told, (
            f"this is not kept beside the scores ({error.strerror}): the page of the"
            " proof goes on showing what was found before, if anything was"
        )
    return told, None


def read_rules(*, bundle_folder: Path | None, card: Path | None) -> dict[str, Any]:
    """Read the scorecard of a bundle, or one from its file, as rows and as a table."""
    if (bundle_folder is None) == (card is None):
        raise ConfigError(
            "CH333",
            "give either --bundle or --card",
            why="each of them has a scorecard of its own",
            fix="--bundle B for what a model was trained beside, --card F for a file",
        )
    if bundle_folder is not None:
        rules = load_bundle(bundle_folder).rules
        return {"schema_version": 1, "card": rules.rows(), "text": rules.table()}
    found = read_card(card or Path())
    words = Words.of(found.words, {})
    return {
        "schema_version": 1,
        "card": card_rows(found, words),
        "text": card_text(found, words),
    }


def explain_account(
    config: Config,
    account: str,
    *,
    bundle_folder: Path,
    as_of: int | None,
    since: int | None = None,
    with_suggestion: bool = False,
    now: datetime,
    progress: Progress,
) -> dict[str, Any]:
    """Score one account and give its row and its drivers; and what moved it ``since``.

    Raises
    ------
    RequestError
        CH503 no such account, CH504 it is not in question on that day.
    """
    bundle, history, day = _ready(config, bundle_folder, as_of, now, progress)
    return told_account(
        bundle,
        history,
        account,
        day=day,
        since=since,
        with_suggestion=with_suggestion,
        now=now,
    )


def place_of(account: str, history: History) -> int:
    """Find an account among all by its id; CH503 where there is none."""
    found = np.flatnonzero(history.accounts.ids == account)
    if found.size:
        return int(found[0])
    raise RequestError(
        "CH503",
        f"there is no account {account!r}",
        why="a score of somebody else would be worse than none",
        fix="check the id: it is the text in the accounts source, case and zeros"
        " included; a name is no id",
    )


def told_account(
    bundle: Bundle,
    history: History,
    account: str,
    *,
    day: int,
    since: int | None = None,
    with_suggestion: bool = False,
    now: datetime,
) -> dict[str, Any]:
    """Tell one account of a history on a day; raises as ``explain_account`` does."""
    only = [place_of(account, history)]

    def book_of(at: int) -> ScoreBook:
        book = score_history(bundle, history, as_of=at, scored_at=now, only=only)
        if book.scores["account_id"].size:
            return book
        raise RequestError(
            "CH504",
            f"account {account!r} is not in question on {date_of(at)}",
            why="it is not covered then, or its renewal lies outside the question",
            fix="give another --as-of or --since, or another [question]",
        )

    if since is not None and since >= day:
        raise RequestError(
            "CH509",
            "--since is not before the day that is explained",
            why="what moved would be told the wrong way round",
            fix="give an earlier --since, or a later --as-of",
        )
    book = book_of(day)
    base = model_card(bundle)["base_probability"]
    told: dict[str, Any] = {
        "schema_version": 1,
        "outcome": outcome(bundle.question.model_dump()),
        "skill": bundle.skill,
        "score": {**plain_rows(book.scores)[0], "base_probability": base},
        "rules": book.reasons["reason"].tolist(),
        "drivers": plain_rows(book.drivers),
    }
    if book.values is not None and len(book.values):
        why = score_matrix(bundle, book.values).explained
        told["categories"] = _points_by(why, [s.category for s in bundle.specs])
        told["families"] = _points_by(
            why, [f"{s.source}: {s.item or 'all'}" for s in bundle.specs]
        )
    if since is not None:
        then = book_of(since).scores
        moves = move_tables(bundle, history, book, earlier=then, since=date_of(since))
        move = plain_rows(moves["moves"])
        told["move"] = move[0] if move else None
        told["changes"] = plain_rows(moves["changes"])
    if with_suggestion and book.values is not None and len(book.values):
        everyone = score_history(bundle, history, as_of=day, scored_at=now, top=0)
        peers = everyone.values if everyone.values is not None else book.values
        told["suggestion"] = asdict(suggest(bundle, book.values[0], peers=peers))
    return told


def _points_by(why: Explained, groups: list[str]) -> dict[str, float]:
    """Add up one account's percentage points, the largest first."""
    points = {name: float(sums[0]) for name, sums in roll_up(why, groups).items()}
    return dict(sorted(points.items(), key=lambda pair: -abs(pair[1])))
