"""What whoever reads a run of scores must know beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

import numpy as np

from churnhealth.archive.beside import novel_terms
from churnhealth.bundle import Bundle
from churnhealth.commands.silence import of_contracts, of_silence
from churnhealth.config import Config
from churnhealth.evaluate.terms import terms_seen
from churnhealth.explain.numbers import figure
from churnhealth.said import many
from churnhealth.scoring import ScoreBook
from churnhealth.sources.contract import History, Texts, date_of, day_of
from churnhealth.sources.remapped import quietly_mapped, remapped

__all__ = ["STALE_DAYS", "RunBefore", "cautions"]

STALE_DAYS = 31
"""So long after the newest data scores are still plain."""

_FEW = 20
_NAMED = 5
_MANY_GONE = 0.1
_MANY_NEW = 0.05
_FAR_FEWER = 0.7
_FAR_APART = 5.0
_OVER = 1.2  # times what there is room for
_LEVELS = ("value", "price", "seats", "discount", "mean", "latest", "average")


class RunBefore(NamedTuple):
    """Whom the run before listed, how many it scored, which question it answered."""

    accounts: Texts
    scored: int
    question: Mapping[str, object] | None


def cautions(
    bundle: Bundle,
    config: Config,
    history: History,
    book: ScoreBook,
    *,
    day: int,
    before: RunBefore | None = None,
    today: date | None = None,
) -> str | None:
    """Say what makes the scores of a day other than they look; ``None`` if nothing.

    ``today`` is given where nobody asked for a day: the newest that the data know is
    taken then, which may be long ago.
    """
    told = [*of_silence(bundle, history, book, day), *of_contracts(history, book, day)]
    told += _of_names(bundle, history)
    told += _of_mapping(bundle, config)
    if before is not None:
        told += _of_ids(history, before.accounts)
        told += _of_fewer(bundle, book, before)
        told += _of_another_question(bundle, before.question)
    told += _of_unmeasured(bundle, history, book)
    told += _of_segments(bundle, book)
    told += _of_playbooks(config, history)
    told += _of_terms(bundle, book)
    told += _of_levels(bundle, book)
    if today is not None and config.question.data_until is None:
        told += _of_age(day, today)
    if day < bundle.as_of:
        told.append(
            f"the model has learned from what became known until"
            f" {date_of(bundle.as_of)}: what came of these scores proves nothing"
        )
    if _other_colours(bundle, config):
        told.append(
            "the colours are those the bundle was trained with, and [bands] says others"
            " now: train again for them"
        )
    told += _of_capacity(bundle, book)
    return "; ".join(told) or None


def _of_names(bundle: Bundle, history: History) -> Iterator[str]:
    """Tell what the model reads by a name that no row has: renamed in all of history.

    Of events it would count as silence of everybody, and no row says since when.
    """
    read = {(spec.source, spec.item) for spec in bundle.specs if spec.item}
    schema = bundle.schema
    trained = {shape.name: shape.vocabulary for shape in schema.events}
    trained |= {shape.name: shape.vocabulary for shape in schema.states}
    for source, names in _names(history):
        lost = sorted({i for s, i in read if i and s == source} - names)
        if not lost:
            continue
        new = sorted(names.difference(trained.get(source, names)))
        yield (
            f"the model reads of {source} what no row says any more:"
            f" {_listed(lost)}"
            + (f" (new are {_listed(new)})" if new else "")
            + ", as if there had never been any: where it was renamed give the old name"
            " back in `sql`, where it is gone train again"
        )


def _of_mapping(bundle: Bundle, config: Config) -> Iterator[str]:
    trained = bundle.card.get("settings", {}).get("mapped", {})
    if other := remapped(quietly_mapped(config), trained):
        yield (
            f"sources are mapped otherwise than in training ({'; '.join(other)}), and"
            " so are counted otherwise: map them as they were, or train again"
        )


def _names(history: History) -> Iterator[tuple[str, set[str]]]:
    """Give the names that features can ask for, by source."""
    yield from ((log.name, set(log.vocabulary)) for log in history.events)
    yield from ((log.name, set(log.vocabulary)) for log in history.states)
    accounts, contracts = history.accounts, history.contracts
    profile = {"segment": accounts.segment, **accounts.attributes}
    levels = {f"{name}={text}" for name, texts in profile.items() for text in texts}
    yield "accounts", levels | set(profile)
    if contracts is not None:
        yield "contracts", {f"plan={plan}" for plan in contracts.plan}


def _of_ids(history: History, before: Texts) -> Iterator[str]:
    """Tell where many accounts of the run before are nobody now: ids were changed."""
    gone = int((~np.isin(before.astype(str), history.accounts.ids.astype(str))).sum())
    if gone >= max(_FEW, _MANY_GONE * before.size):
        yield (
            f"{gone} of {many(before.size, 'account')} of the run before are in the"
            " sources no more: where their ids were changed they begin anew, without"
            " movement, history or cool-down; give them their old ids in the `sql` of"
            " every source"
        )


def _of_fewer(bundle: Bundle, book: ScoreBook, before: RunBefore) -> Iterator[str]:
    """Tell where far fewer are scored than in the run before; renewals have seasons."""
    scored = int((book.scores["status"] == "scored").sum())
    few = before.scored >= _FEW and scored < _FAR_FEWER * before.scored
    if few and bundle.question.kind != "renewal":
        yield (
            f"{many(scored, 'account is', 'accounts are')} scored, {before.scored} in"
            " the run before: where so many did not leave, rows are missing or are of"
            " accounts by other ids (`churnhealth check`, CH215)"
        )


def _of_another_question(
    bundle: Bundle, asked: Mapping[str, object] | None
) -> Iterator[str]:
    """Tell where what moved since the run before compares two questions."""
    now = bundle.question.model_dump(mode="json", exclude={"data_until"})
    then = {k: v for k, v in (asked or now).items() if k in now}
    if other := sorted(f"{k} = {v}" for k, v in then.items() if v != now[k]):
        yield (
            f"the run before answered another question ({', '.join(other)}): what moved"
            " since, and the tasks of playbooks that look at movement, compare the two"
        )


def _of_age(day: int, today: date) -> Iterator[str]:
    """Tell how old the newest data are; a load that is a few weeks late is no news."""
    if (old := day_of(today) - day) > STALE_DAYS:
        yield (
            f"the newest data are {old} days old, and so are these scores: load newer"
            f" rows, or say --as-of {date_of(day)} if that is the day you want"
        )


def _other_colours(bundle: Bundle, config: Config) -> bool:
    """Tell whether [bands] was changed since training: a bundle keeps its own."""
    trained = bundle.card.get("settings", {}).get("bands")
    asked = config.bands.model_dump(mode="json")
    return trained is not None and any(
        trained.get(k) != v for k, v in asked.items() if k != "hysteresis"
    )


def _of_capacity(bundle: Bundle, book: ScoreBook) -> Iterator[str]:
    """Tell where more accounts are a colour or worse than the team has room for.

    Cuts by capacity are probabilities that were counted when the model was trained.
    """
    room = (bundle.card.get("settings", {}).get("bands") or {}).get("capacity")
    if not room:
        return
    limit, found = 0, 0
    for band, more in zip(("red", "orange", "yellow"), room[::-1], strict=True):
        limit, found = limit + more, found + int((book.scores["band"] == band).sum())
        if found > _OVER * limit:
            worse = "" if band == "red" else " or worse"
            yield (
                f"{many(found, 'account')} are {band}{worse}, and [bands] capacity has"
                f" room for {limit}: it was counted when the model was trained, in the"
                " newest cohort before its test; take the first of a list by"
                " expected_loss, or train again with a later [backtest] test_from"
            )
            return


def _of_segments(bundle: Bundle, book: ScoreBook) -> Iterator[str]:
    """Name segments of many scored accounts that the model neither reads nor knows."""
    reads = {spec.item or "" for spec in bundle.specs if spec.source == "accounts"}
    known = {item.partition("=")[2] for item in reads if item.startswith("segment=")}
    if not known:
        return
    known |= set(bundle.segment_peers)
    scored = book.scores["segment"][book.scores["status"] == "scored"].tolist()
    least = max(_FEW, _MANY_NEW * len(scored))
    names = Counter(name for name in scored if name is not None)
    new = {name: n for name, n in names.items() if n >= least and name not in known}
    if new:
        yield (
            f"{sum(new.values())} accounts are of segments that had few accounts or"
            f" none when the model was trained: {_listed(sorted(new))} (it knows"
            f" {_listed(sorted(known))}); where they were renamed give the old names"
            " back in `sql`, or train again"
        )


def _of_playbooks(config: Config, history: History) -> Iterator[str]:
    """Name whom playbooks ask for and no account has: their tasks never begin."""
    people = history.accounts
    for name, texts in (("segment", people.segment), ("owner", people.owner)):
        there = set(texts.tolist())
        for playbook in config.playbooks:
            asked = set(getattr(playbook.when, name))
            if lost := sorted(asked - there):
                yield (
                    f"the playbook {playbook.name!r} asks for the {name}"
                    f" {_listed(lost)}, and no account has it"
                )


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:_NAMED]))


def _of_terms(bundle: Bundle, book: ScoreBook) -> Iterator[str]:
    """Name terms that come up for renewal and never did in training."""
    due = novel_terms(bundle, book)
    if terms := terms_seen(due):
        yield (
            f"{many(int(np.isfinite(due).sum()), 'account')} with a term of"
            f" {', '.join(f'{t:.0f}' for t in terms)} months to renew, and the model"
            " has seen none like it renewed or not: it carries over what it saw of"
            " other terms"
        )


def _of_levels(bundle: Bundle, book: ScoreBook) -> Iterator[str]:
    """Name the prices, amounts and grades that are written in another unit now.

    How much is done may rise and fall with a season; what one seat costs, one invoice
    amounts to or a survey answers does not change to its fivefold for half of a book.
    """
    if book.values is None or len(book.values) < _FEW:
        return
    moved = []
    for spec, then, values in zip(
        bundle.specs, bundle.peers, book.values.T, strict=True
    ):
        measured = values[np.isfinite(values)]
        if spec.kind not in _LEVELS or measured.size < _FEW:
            continue
        now = float(np.median(measured))
        low, high = min(now, then), max(now, then)
        if low > 0 and high >= _FAR_APART * low:
            moved.append(f"{spec.label} {figure(now)}, in training {figure(then)}")
    if moved:
        yield (
            f"the median of what is measured is another than in training by far:"
            f" {'; '.join(moved[:3])}. Where a unit, a currency or a mapping changed,"
            " put it back or train again"
        )


def _of_unmeasured(bundle: Bundle, history: History, book: ScoreBook) -> Iterator[str]:
    """Name what was measured in training and is of nobody now: a column that is gone.

    What is missing of events is told as their silence, a lost name as such.
    """
    if book.values is None or len(book.values) < _FEW:
        return
    told, names = {log.name for log in history.events}, dict(_names(history))
    nobody = ~np.isfinite(book.values).any(axis=0) & np.isfinite(bundle.peers)
    lost = [
        spec.label
        for spec, gone in zip(bundle.specs, nobody.tolist(), strict=True)
        if gone and spec.source not in told
        if not spec.item or spec.item in names.get(spec.source, {spec.item})
    ]
    if lost:
        more = len(lost) - _NAMED
        yield (
            "what was measured in training is measured for nobody:"
            f" {'; '.join(lost[:_NAMED])}"
            + (f" and {more} more" if more > 0 else "")
            + ": where a column or a source is not mapped any more map it again, or"
            " train again"
        )
