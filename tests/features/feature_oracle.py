"""Every kind of feature once more, in plain Python, one snapshot at a time."""
# ruff: noqa: ARG002

import math
from functools import lru_cache
from itertools import pairwise

from feature_histories import DECIMALS
from table_oracle import contract, over, row_in_force, state

from churnhealth.sources.contract import FAR

NAN = math.nan


@lru_cache
def _coverage(rows):
    """What was seen of a source after each day, as (known, first, last)."""
    steps, first, last = [], None, None
    for known in sorted({row.known for row in rows}):
        days = [row.happened for row in rows if row.known == known]
        low = min(days) if first is None else min(first, *days)
        high = max(days) if last is None else max(last, *days)
        if (low, high) != (first, last):
            steps.append((known, low, high))
        first, last = low, high
    return steps


def expected(business, history, spec, account, as_of, gap_days):
    if spec.name == "contracts__plan_pro__is":
        row = row_in_force(history, account, as_of, gap_days)
        plan = None if row < 0 else history.contracts.plan[row]
        return NAN if plan is None else float(plan == "pro")
    if spec.kind == "number":
        known, text = business.profiles[account]
        return {"12": 12.0, "-2.5": -2.5}.get(text, NAN) if known < as_of else NAN
    if spec.kind == "is":
        known, country = business.profiles[account]
        if known >= as_of or country is None:
            return NAN
        return float(spec.item.split("=")[1] == country)
    if spec.source == "surveys":
        return state(business, spec, account, as_of)
    if spec.source == "contracts":
        return contract(history, spec.kind, account, as_of, gap_days, spec.days)
    past = Past(business, spec, account, as_of)
    if spec.kind.endswith("users_share"):
        past.seats = contract(history, "seats", account, as_of, gap_days)
    tenure = contract(history, "tenure", account, as_of, gap_days)
    past.start = None if math.isnan(tenure) else as_of - tenure
    return past.value()


class Past:
    """What one account's events looked like on one day."""

    def __init__(self, business, spec, account, as_of):
        rows = business.events[spec.source]
        self.coverage = _coverage(rows)
        self.spec, self.as_of, self.seats = spec, as_of, NAN
        self.known = [r for r in rows if r.account == account and r.known < as_of]

    def rows(self, days, skip=0, *, item=True, real=False):
        high = self.as_of - skip
        return [
            r
            for r in self.known
            if high - days <= r.happened < high
            and (not item or self.spec.item in (None, r.name))
            and (not real or r.count > 0)
        ]

    def value(self):
        kind, days = self.spec.kind, self.spec.days
        doubled = kind.endswith(("trend", "shift")) or kind == "silent_users"
        window = None if days is None or kind == "ahead" else days
        always = kind in ("days_since_first", "days_to_first", "done_by")
        if not always and not self.recorded(2 * days if doubled else window):
            return NAN
        return float(getattr(self, f"_{kind}")(days))

    def recorded(self, days):
        steps = [step for step in self.coverage if step[0] < self.as_of]
        if not steps:
            return False
        newest, slack, before = None, 7, None
        for known, _, last in steps:
            if newest is None or last > newest[1]:
                slack = max(slack, 2 * (known - before) if before is not None else 0)
                before, newest = known, (known, last)
        if self.as_of - 1 > max(newest) + slack:
            return False
        if days is None:
            return True
        first = min(step[1] for step in steps)
        return first <= self.as_of - days and newest[0] - newest[1] < days

    def _count(self, days, skip=0, *, item=True):
        return sum(r.count for r in self.rows(days, skip, item=item))

    def _amounts(self, days, skip=0):
        return sum(
            round(r.amount * 10**DECIMALS)
            for r in self.rows(days, skip)
            if r.amount is not None
        )

    def _sum(self, days):
        return self._amounts(days) / 10**DECIMALS

    def _mean(self, days):
        given = [r for r in self.rows(days) if r.amount is not None]
        return over(self._sum(days), len(given))

    def _active_days(self, days, skip=0):
        return len({r.happened for r in self.rows(days, skip, real=True)})

    def _active_weeks(self, days):
        return len(
            {(self.as_of - 1 - r.happened) // 7 for r in self.rows(days, real=True)}
            & set(range(days // 7))
        )

    def _users(self, days, skip=0, *, item=True):
        rows = self.rows(days, skip, item=item, real=True)
        return {r.user for r in rows if r.user >= 0}

    def _active_users(self, days):
        return len(self._users(days))

    def _silent_users(self, days):
        return len(self._users(days, days) - self._users(days))

    def _users_share(self, days):
        return over(len(self._users(days)), self.seats)

    def _reach(self, days):
        return over(len(self._users(days)), len(self._users(days, item=False)))

    def _peaks(self, days, skip=0):
        peaks = {}
        for r in self.rows(days, skip):
            if r.users is not None:
                peaks[r.happened] = max(peaks.get(r.happened, 0), round(r.users * 100))
        return sum(peaks.values()), len(peaks)

    def _mean_users(self, days):
        total, given = self._peaks(days)
        return over(total, given * 100)

    def _mean_users_share(self, days):
        return over(self._mean_users(days), self.seats)

    def _per_user(self, days):
        return over(self._count(days), len(self._users(days, item=False)))

    def _per_day(self, days):
        return over(self._count(days), self._active_days(days))

    def _share(self, days):
        return over(self._count(days), self._count(days, item=False))

    def _breadth(self, days):
        return len({r.name for r in self.rows(days, item=False, real=True)})

    def _distinct_items(self, days, skip=0):
        return len({r.item for r in self.rows(days, skip, real=True) if r.item >= 0})

    def _items(self, days):
        return self._distinct_items(days)

    def _items_trend(self, days):
        return _moved(self._distinct_items(days), self._distinct_items(days, days))

    def _trend(self, days):
        return _moved(self._count(days), self._count(days, days))

    def _sum_trend(self, days):
        return _moved(self._amounts(days), self._amounts(days, days))

    def _active_days_trend(self, days):
        before = self._active_days(days, days)
        return _moved(self._active_days(days), before)

    def _active_users_trend(self, days):
        return _moved(len(self._users(days)), len(self._users(days, days)))

    def _mean_users_trend(self, days):
        (now, n), (before, m) = self._peaks(days), self._peaks(days, days)
        return _moved(now * m, before * n) if n and m else NAN

    def _own_norm(self, days):
        real = [r.happened for r in self.rows(FAR, item=False, real=True)]
        if not real:
            return NAN
        lived = min(self.as_of - days - min(real), 180)
        if lived < days:
            return NAN
        before = self._count(180, days)
        return _moved(self._count(days) * lived, before * days)

    def _own_life(self, days):
        real = [r.happened for r in self.rows(FAR, item=False, real=True)]
        if not real:
            return NAN
        lived = self.as_of - days - min(real)
        if lived < days:
            return NAN
        now = self._count(days)
        return _moved(now * lived, (self._count(FAR) - now) * days)

    def _total(self, days):
        return self._count(FAR)

    def _total_days(self, days):
        return self._active_days(FAR)

    def _active(self):
        return sorted({r.happened for r in self.rows(FAR, real=True)})

    def _days_lasted(self, days):
        active = self._active()
        return active[-1] - active[0] if active else NAN

    def _mean_gap(self, days):
        gaps = [after - before for before, after in pairwise(self._active())]
        return over(sum(gaps), len(gaps))

    def _silence(self, days):
        active = self._active()
        gaps = len(active) - 1
        if gaps < 1:
            return NAN
        return (self.as_of - active[-1]) * gaps / (active[-1] - active[0])

    def _longer_gaps(self, days):
        active = self._active()
        gaps = [after - before for before, after in pairwise(active)][-60:]
        if not gaps:
            return NAN
        longer = sum(gap >= self.as_of - active[-1] for gap in gaps)
        return (2 * longer + 1) / (2 * len(gaps) + 2)

    def _per_week(self, days):
        real = [r.happened for r in self.rows(FAR, item=False, real=True)]
        began = [day for day in (self.start, *real) if day is not None]
        if not began:
            return NAN
        return over(7 * self._count(days), min(days, self.as_of - min(began)))

    def _fading(self, days):
        return sum(self._count(days, k * days) / 2**k for k in range(8))

    def _unevenness(self, days):
        weeks = [self._count(7, 7 * k) for k in range(days // 7)]
        if not sum(weeks):
            return NAN
        squares = len(weeks) * sum(n * n for n in weeks) - sum(weeks) ** 2
        return math.sqrt(squares) / sum(weeks)

    def _days_to_first(self, days):
        active = self._active()
        seen = [first for known, first, _ in self.coverage if known < self.as_of]
        if not active or self.start is None or self.start < min(seen):
            return NAN
        return max(0, active[0] - self.start)

    def _done_by(self, days):
        active = self._active()
        if self.start is None:
            return NAN
        if active and active[0] < self.start + days:
            return 1.0
        passed = self.as_of >= self.start + days
        return 0.0 if passed and self.recorded(self.as_of - self.start) else NAN

    def _by_user(self, days):
        used = {}
        for r in self.rows(days, real=True):
            if r.user >= 0:
                used[r.user] = used.get(r.user, 0) + r.count
        return used

    def _top_user_share(self, days):
        used = self._by_user(days).values()
        return over(max(used, default=0), sum(used))

    def _top_user_silence(self, days):
        used = self._by_user(days)
        top = [user for user, n in used.items() if n == max(used.values())]
        rows = self.rows(FAR, real=True)
        last = [r.happened for r in rows if r.user in top]
        return self.as_of - max(last) if last else NAN

    def _automation(self, days, skip=0):
        rows = self.rows(days, skip)
        alone = sum(r.count for r in rows if r.user < 0)
        return over(alone, sum(r.count for r in rows))

    def _automation_shift(self, days):
        return self._automation(days) - self._automation(days, days)

    def _days_since(self, days):
        real = [r.happened for r in self.rows(FAR, real=True)]
        return self.as_of - max(real) if real else NAN

    def _days_since_first(self, days):
        real = [r.happened for r in self.rows(FAR, real=True)]
        return self.as_of - min(real) if real else NAN

    def _still_open(self):
        return [r for r in self.rows(FAR) if not r.ended < self.as_of]

    def _open(self, days):
        return len(self._still_open())

    def _oldest_open(self, days):
        began = [r.happened for r in self._still_open()]
        return self.as_of - min(began) if began else NAN

    _overdue, _oldest_overdue = _open, _oldest_open

    def _missed(self, days):
        return len([r for r in self.rows(days) if not r.ended < self.as_of])

    def _done_share(self, days):
        due = self.rows(FAR)
        return over(sum(r.ended < self.as_of for r in due), len(due))

    def _late_share(self, days):
        due = self.rows(FAR)
        return over(sum(r.ended > r.happened for r in due), len(due))

    def _done(self):
        return [
            r
            for r in self.known
            if r.ended < self.as_of and self.spec.item in (None, r.name)
        ]

    def _mean_delay(self, days):
        took = [r.ended - r.happened for r in self._done()]
        return over(sum(took), len(took))

    def _last_delay(self, days):
        took = [(r.ended, r.ended - r.happened) for r in self._done()]
        return max(took)[1] if took else NAN

    def _days_to_end(self, days):
        done = [r for r in self._done() if r.ended >= self.as_of - days]
        return over(sum(r.ended - r.happened for r in done), len(done))

    def _planned(self):
        return [
            r
            for r in self.known
            if r.happened >= self.as_of and self.spec.item in (None, r.name)
        ]

    def _days_to_next(self, days):
        ahead = [r.happened for r in self._planned()]
        return min(ahead) - self.as_of if ahead else NAN

    def _ahead(self, days):
        return sum(r.count for r in self._planned() if r.happened < self.as_of + days)


def _moved(now, before):
    if min(now, before) < 0:
        return math.nan
    return over(now - before, now + before)
