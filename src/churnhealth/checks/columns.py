"""Do columns know more than they may: flags, attributes filled after the fact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from churnhealth.said import many
from churnhealth.sources.contract import FAR, Accounts, Flags, History, Ints, Texts
from churnhealth.sources.findings import Finding, finding, first_id
from churnhealth.sources.under_contract import last_cover

__all__ = ["column_findings", "undated"]


_FEW = 10
_MANY = 20
_MOST_VALUES = 10
_FLAG_SHARE_THAT_STOPS = 0.1
_RENEWED_SHARE = 0.1
# `cancel_at_period_end` is of who will leave, `is_cancel` of one row of many
_TO_COME = re.compile(r"(^|[._])(is_?)?cancel(_|$)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Ended:
    """Which accounts were customers, and whose cover was over when the data end."""

    churned: Flags
    covered: Flags
    day: int


def column_findings(
    history: History, flags: Mapping[str, Ints], *, today: int
) -> list[Finding]:
    """List what columns give away, contradict, or do not say at all."""
    ended = _ended(history, today)
    found: list[Finding | None] = []
    if ended is not None:
        found.append(_ends_of_leavers(history, ended))
        for name, flag in flags.items():
            if not _TO_COME.search(name):
                found.append(_contradicting(history, name, flag, ended))
    for name, values in history.accounts.attributes.items():
        found.append(_constant(name, values))
    if ended is not None:
        for name, values in undated(history.accounts).items():
            found.append(_telling(history, name, values, ended))
    found.append(_outcomes(flags))
    found.append(_timeless(history))
    return [f for f in found if f is not None]


def undated(accounts: Accounts) -> dict[str, Texts]:
    """Give what is said of accounts without a day: attributes, and the segment.

    A CRM that calls its customers of old "former" does so in the column of segments.
    """
    given = any(s is not None for s in accounts.segment.tolist())
    return {**({"segment": accounts.segment} if given else {}), **accounts.attributes}


def _ended(history: History, today: int) -> _Ended | None:
    c = history.contracts
    if c is None or not c.account.size:
        return None
    days = [c.start, c.known_at, c.cancelled_at]
    days += [e.happened_at for e in history.events if not e.planned]
    days += [s.known_at for s in history.states]
    known = [d[d <= today] for d in days]
    data_end = max((int(d.max()) for d in known if d.size), default=today)
    last = last_cover(c, history.accounts.ids.size)
    churned = (last > -FAR) & (last <= data_end)
    return _Ended(churned=churned, covered=last > data_end, day=data_end)


def _ends_of_leavers(history: History, ended: _Ended) -> Finding | None:
    """See whether an agreed end tells who left: none lies ahead, or none was renewed.

    A billing system moves the end of the one row it keeps with every renewal, so the
    ends that have passed are all of customers who left.
    """
    c = history.contracts
    assert c is not None
    given = c.end < FAR
    past = given & (c.end <= ended.day)
    count, without = int(past.sum()), int((~given).sum())
    ahead = int(given.sum()) - count
    agreed = (given & (c.end > ended.day) & (c.notice_at >= FAR)).any()
    renewed = int((past & np.append(c.account[1:] == c.account[:-1], False)).sum())
    moved = min(count, ahead) >= _MANY and renewed < _RENEWED_SHARE * count
    if count < _FEW or not (moved or (without >= _FEW and not agreed)):
        return None
    words = f"none of {count + ahead} agreed ends lies ahead of the data"
    words += f"{' without notice' if ahead else ''}, and {without} rows have no end"
    if moved:
        words = (
            f"{renewed:,} of {count:,} agreed ends that have passed were followed by"
        )
        words += f" another contract, and {ahead} lie ahead"
    example = first_id(history, c.account[past])
    what = f"[sources.contracts]: {words}"
    return finding("CH233", what, count=count, example=example, stops=moved)


def _contradicting(
    history: History, name: str, flag: Ints, ended: _Ended
) -> Finding | None:
    quiet = (flag == 0) & ended.churned
    loud = (flag == 1) & ended.covered
    wrong = np.flatnonzero(quiet | loud)
    if not wrong.size:
        return None
    what = (
        f"{name}: false for {int(quiet.sum()):,} of {int(ended.churned.sum()):,}"
        f" accounts whose cover has ended, true for {int(loud.sum()):,} of"
        f" {int(ended.covered.sum()):,} that are still covered"
    )
    return finding(
        "CH213",
        what,
        count=int(wrong.size),
        example=first_id(history, wrong),
        stops=wrong.size > _FLAG_SHARE_THAT_STOPS * flag.size,
    )


def _constant(name: str, values: Texts) -> Finding | None:
    distinct = set(values.tolist())
    if len(distinct) > 1:
        return None
    words = "empty" if distinct == {None} else "the same"
    what = f"attribute {name}: {words} for all {values.size} accounts"
    return finding("CH216", what, count=int(values.size), example=name)


def _telling(
    history: History, name: str, values: Texts, ended: _Ended
) -> Finding | None:
    """Say whether an attribute gives away who churned."""
    filled = np.array([v is not None for v in values.tolist()], dtype=bool)
    churned, covered = ended.churned, ended.covered
    if min(churned.sum(), covered.sum()) < _FEW:
        return None
    with_value = filled & churned
    if with_value.sum() >= _FEW and not (filled & covered).any():
        words = f"filled for {int(with_value.sum())} churned accounts and for no other"
    elif _separates(values, churned, covered):
        words = "its values tell churned from covered accounts without an error"
    else:
        return None
    count = int(with_value.sum())
    example = first_id(history, np.flatnonzero(with_value)) if count else ""
    return finding("CH214", f"attribute {name}: {words}", count=count, example=example)


def _separates(values: Texts, churned: Flags, covered: Flags) -> bool:
    gone = set(values[churned].tolist())
    here = set(values[covered].tolist())
    return len(gone | here) <= _MOST_VALUES and not gone & here


def _outcomes(flags: Mapping[str, Ints]) -> Finding | None:
    """Name the columns that say of anybody whether they left; an empty one does not."""
    telling = sorted(name for name, flag in flags.items() if (flag >= 0).any())
    if not telling:
        return None
    names = ", ".join(telling)
    what = f"columns that know the outcome are there and not used: {names}"
    return finding("CH222", what, count=len(telling), example=telling[0])


def _timeless(history: History) -> Finding | None:
    attributes = history.accounts.attributes
    if not attributes or bool((history.accounts.known_at > -FAR).any()):
        return None
    said = many(len(attributes), "attribute carries", "attributes carry")
    what = f"[sources.accounts]: {said} no date: {', '.join(attributes)}"
    return finding("CH219", what, count=len(attributes), example=next(iter(attributes)))
