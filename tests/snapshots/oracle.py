"""The time rules, said again as slowly and plainly as possible.

Written from the design (sections 2 to 4) alone, without the shipped code: plain loops
over plain rows, whole days as integers, ``None`` for "not given" and ``NEVER`` for "no
end". Nothing here is fast, nothing here is clever; it is what the fast code must equal.
"""

from dataclasses import dataclass

NEVER = 10_000_000


@dataclass(frozen=True)
class Term:
    """One contract row of one account."""

    start: int
    end: int | None = None
    cancelled_at: int | None = None
    notice_at: int | None = None
    known_at: int = -1_000

    @property
    def agreed_end(self):
        return NEVER if self.end is None else self.end

    @property
    def learned_at(self):
        """``notice_at`` defaults to ``cancelled_at``."""
        if self.notice_at is not None:
            return self.notice_at
        return NEVER if self.cancelled_at is None else self.cancelled_at


@dataclass(frozen=True)
class Event:
    """One event row of one account."""

    happened_at: int
    known_at: int
    source: int = 0


@dataclass(frozen=True)
class Ask:
    """A question, as plain numbers."""

    kind: str
    lead: int = 0
    lead_max: int = 180
    horizon: int = 90
    gap: int = 30
    active: int = 90
    min_age: int = 0
    churn_when: tuple[str, ...] = ("not_renewed", "cancelled")


@dataclass(frozen=True)
class Piece:
    """A term as it was known on some day."""

    start: int
    until: int
    early: bool
    told: bool


def kinds_of(ending):
    """Name an early stop and an agreed end by the words of ``churn_when``."""
    return {"cancelled" if p.early else "not_renewed" for p in ending}


@dataclass(frozen=True)
class Period:
    """Terms that touch or lie within the gap."""

    start: int
    end: int
    pieces: tuple[Piece, ...]

    def at_the_end(self):
        return [p for p in self.pieces if p.until == self.end]

    @property
    def kinds(self):
        """How it ended; two products that end on one day may each give a kind."""
        return kinds_of(self.at_the_end())

    def told(self, as_of, gap):
        """All that is not over is known to stop, or another goes on where it ends."""
        return all(
            p.told
            or p.until < as_of
            or any(0 <= q.start - p.until <= gap for q in self.pieces)
            for p in self.pieces
        )


@dataclass(frozen=True)
class Seen:
    """An account on a day."""

    covered: bool = False
    start: int = NEVER
    end: int = NEVER
    grace: bool = False
    ended: bool = False
    announced: frozenset[str] = frozenset()


def pieces(terms, known_before):
    """Read the rows as they were known before a day."""
    found = []
    for term in terms:
        if not term.known_at < known_before:
            continue
        told = term.learned_at < known_before
        until = term.agreed_end
        early = False
        if told and term.cancelled_at is not None and term.cancelled_at < until:
            until, early = term.cancelled_at, True
        if until > term.start:  # otherwise not one day was ever covered
            found.append(Piece(term.start, until, early, told))
    return found


def periods(terms, known_before, gap):
    """Join what touches or lies within the gap."""
    joined = []
    for piece in sorted(pieces(terms, known_before), key=lambda p: p.start):
        if joined and piece.start - joined[-1].end <= gap:
            last = joined.pop()
            end = max(last.end, piece.until)
            joined.append(Period(last.start, end, (*last.pieces, piece)))
        else:
            joined.append(Period(piece.start, piece.until, (piece,)))
    return joined


def period_at(terms, known_before, gap, day):
    """Find the last period that began before a day."""
    begun = [p for p in periods(terms, known_before, gap) if p.start < day]
    return begun[-1] if begun else None


def cover(terms, as_of, gap):
    """Say whether, since when and until when an account is covered."""
    period = period_at(terms, as_of, gap, as_of)
    if period is None:
        return Seen()
    if as_of <= period.end:
        announced = frozenset(period.kinds if period.told(as_of, gap) else ())
        return Seen(True, period.start, period.end, announced=announced)
    grace = as_of - period.end <= gap
    return Seen(False, period.start, period.end, grace=grace, ended=not grace)


def status(terms, events, ask, as_of):
    """Give (status, start, end), or nothing when the question does not concern it."""
    if ask.kind == "inactivity":
        return _activity(events, ask, as_of)
    seen = cover(terms, as_of, ask.gap)
    if seen.grace:
        return "grace", seen.start, seen.end
    if seen.ended:
        return "churned", seen.start, seen.end
    if not seen.covered:
        return None
    if seen.announced & set(ask.churn_when):
        return "announced", seen.start, seen.end
    if ask.kind == "renewal":
        if seen.end == NEVER:
            return "open_ended", seen.start, seen.end
        if not as_of <= seen.end < as_of + ask.lead_max:
            return None
    if as_of - seen.start < ask.min_age:
        return "too_new", seen.start, seen.end
    return "scored", seen.start, seen.end


def _activity(events, ask, as_of):
    known = [e.happened_at for e in events if e.known_at < as_of]
    past = [day for day in known if day < as_of]
    if not past:
        return None
    if not any(as_of - ask.active <= day for day in past):
        return "churned", min(past), NEVER
    if as_of - min(past) < ask.min_age:
        return "too_new", min(past), NEVER
    return "scored", min(past), NEVER


def closes(ask, as_of, end):
    """Give the day on which the label is known, whichever way it comes out."""
    if ask.kind == "renewal":
        return end + ask.gap
    window_end = as_of + ask.lead + ask.horizon
    return window_end if ask.kind == "inactivity" else window_end + ask.gap


def label(terms, events, ask, as_of, end, *, known_before=NEVER, data_until):
    """Say what became of a covered (or active) account: yes, no, censored, left."""
    if closes(ask, as_of, end) > data_until:
        return "censored"
    if ask.kind == "renewal" and closes(ask, as_of, end) >= known_before:
        return "censored"  # cover from that very day on is known only after it
    if ask.kind == "renewal":
        return _renewal(terms, ask, end, known_before)
    if ask.kind == "horizon":
        return _horizon(terms, ask, as_of, known_before)
    low = as_of + ask.lead
    known = [e.happened_at for e in events if e.known_at < known_before]
    return "no" if any(low <= day < low + ask.horizon for day in known) else "yes"


def _horizon(terms, ask, as_of, known_before):
    period = period_at(terms, known_before, ask.gap, as_of)
    low = as_of + ask.lead
    if period is None or period.end < low:
        return "left"
    if period.end >= low + ask.horizon:
        return "no"
    return "yes" if period.kinds & set(ask.churn_when) else "no"


def _renewal(terms, ask, end, known_before):
    found = pieces(terms, known_before)
    found = [p for p in found if p.start <= end + ask.gap]
    reach = max((p.until for p in found), default=-1)
    if reach > end:
        return "no"  # cover goes on, or starts again within the gap
    kinds = {"cancelled"}  # the end that was known was not reached: an early stop
    if reach == end:
        kinds = kinds_of(p for p in found if p.until == end)
    return "yes" if kinds & set(ask.churn_when) else "no"


def churn_day(terms, events, ask, as_of, *, known_before=NEVER):
    """Name the churn of a ``yes``: the end of cover, or the last event before it."""
    if ask.kind == "inactivity":
        low = as_of + ask.lead
        known = [e.happened_at for e in events if e.known_at < known_before]
        return max(day for day in known if day < low)
    return period_at(terms, known_before, ask.gap, as_of).end


def due(terms, as_of, gap, *, anchor, every, first_day, last_day):
    """Say whether an anchored grid looks at an account on a day, as known on it."""
    seen = cover(terms, as_of, gap)
    if not seen.covered or as_of > seen.end - last_day:
        return False
    if as_of - seen.start < first_day:
        return False
    if anchor == "start":
        return (as_of - seen.start - first_day) % every == 0
    agreed = [t.agreed_end for t in terms if t.known_at < as_of]
    if seen.end == NEVER or seen.end not in agreed:
        return False  # nothing is up for renewal
    return (seen.end - last_day - as_of) % every == 0


def newest_day(terms, sources, seen=()):
    """Give the default ``data_until``: of each source its newest day, then the oldest.

    What was booked ahead counts from the day on which it was known, and what begins up
    to 45 days after all that is ``seen`` was booked ahead.

    ``terms`` or ``sources`` (lists of event days) may be ``None``: not needed.
    """
    newest = []
    if terms is not None:
        days = [min(t.start, t.known_at) for t in terms]
        stops = [t for t in terms if t.cancelled_at is not None]
        days += [min(t.cancelled_at, t.learned_at) for t in stops]
        begun, last = max(days), max(seen, default=None)
        ahead = last is not None and last < begun <= last + 45
        newest.append(last if ahead else begun)
    newest.extend(max(days) for days in sources or ())
    return min(newest)
