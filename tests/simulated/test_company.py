"""The simulated company keeps its pinned promises, judged by independent arithmetic."""

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from churnhealth.simulated.calendar import daily_hazard
from churnhealth.simulated.company import measure, simulate
from churnhealth.simulated.usage import EVENTS

ASK = {"lead_days": 0, "horizon_days": 90}
GAP = 30
UNTIL = np.datetime64("2026-01-01")


@pytest.fixture(scope="module")
def big():
    return simulate(accounts=2000, seed=7)


def monthly(company):
    """Account numbers and day numbers of every account on the first of each month."""
    begun = np.datetime64(company.truth.timeline.first + 98, "D").astype("M8[M]")
    first = begun + np.timedelta64(1, "M")
    months = np.arange(first, UNTIL.astype("M8[M]"))
    days = months.astype("M8[D]").astype(np.int64)
    accounts = company.truth.account_id.size
    return np.repeat(np.arange(accounts), days.size), np.tile(days, accounts)


def judged(company):
    """Snapshots whose outcome is known: account, day, label, best forecast."""
    account, day = monthly(company)
    ids = company.truth.account_id[account]
    dates = day.astype("M8[D]").astype(object)
    label = company.truth.outcome(ids, dates, **ASK)
    best = company.truth.churn_probability(ids, dates, **ASK)
    seen = ~np.isnan(label)
    return account[seen], day[seen], label[seen], best[seen]


@pytest.fixture(scope="module")
def snapshots(big):
    return judged(big)


def auc(score, label):
    """Count pairs by sorting once; ties count half (no code of ours)."""
    positive, negative = np.sort(score[label == 1]), np.sort(score[label == 0])
    below = np.searchsorted(negative, positive, side="left")
    upto = np.searchsorted(negative, positive, side="right")
    return (below + upto).sum() / 2 / (positive.size * negative.size)


# --- what was pinned


def test_the_pinned_ranges_hold(big):
    found = measure(big.truth)
    assert 0.08 <= found.annual_churn <= 0.15
    assert 0.75 <= found.best_auc <= 0.85
    assert found.outcomes > 400


def test_the_best_forecast_is_calibrated_and_ranks_as_measured(snapshots):
    _, _, label, best = snapshots
    assert best.mean() == pytest.approx(label.mean(), rel=0.12)
    for part in np.array_split(np.argsort(best), 4):
        noise = 3 * np.sqrt(3 * label[part].mean() / part.size)
        assert best[part].mean() == pytest.approx(
            label[part].mean(), rel=0.25, abs=noise
        )
    assert 0.75 < auc(best, label) < 0.85


def test_the_true_daily_hazard_adds_up_to_the_accounts_lost(big):
    truth, expected = big.truth, 0.0
    line = truth.timeline
    days = np.arange(line.first, line.until)
    for at in range(0, 2000, 500):
        pair = np.broadcast_arrays(np.arange(at, at + 500)[:, None], days[None, :])
        risk = truth.risk(*pair)
        expected += daily_hazard(truth.contracts, *pair, risk).sum()
    lost = truth.lost()
    # those lost in the last 30 days are not counted as lost yet
    assert lost * 0.95 < expected < lost * 1.15


def covering(table, as_of):
    """Cover as known at ``as_of``, by the design's words: end of cover, or None."""
    known = [r for r in table if r["signed_on"] < as_of]
    start = last = None
    announced = False
    for row in sorted(known, key=lambda r: r["start_date"]):
        end, stop = row["end_date"], row["cancelled_on"]
        told = row["notice_on"] or stop
        if stop and told < as_of:
            end = min(end, stop)
        if last is None or row["start_date"] > last + timedelta(days=GAP):
            start, last, announced = row["start_date"], end, False  # a new period
        last = max(last, end)
        leaves = row["status"] in ("cancelled", "ended")
        announced |= leaves and told is not None and told < as_of
    covered = start is not None and start < as_of <= last
    return last if covered and not announced else None


def ended_for_good(table, as_of):
    """End of the merged period that really covered ``as_of``."""
    last = None
    for row in sorted(table, key=lambda r: r["start_date"]):
        end = min(row["end_date"], row["cancelled_on"] or row["end_date"])
        if last is not None and row["start_date"] > last + timedelta(days=GAP):
            if last >= as_of:
                return last
            last = None
        last = end if last is None else max(last, end)
    return last


def test_outcomes_equal_a_naive_reading_of_the_subscriptions(small):
    rows = defaultdict(list)
    table = small.tables["subscriptions"]
    columns = {k: v.tolist() for k, v in table.items()}
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        rows[row["account_id"]].append(row)
    account, day = monthly(small)
    ids = small.truth.account_id[account]
    dates = day.astype("M8[D]").astype(object)
    found = small.truth.outcome(ids, dates, **ASK)
    wanted = []
    for who, as_of in zip(ids, dates, strict=True):
        closes = as_of + timedelta(days=90 + GAP)
        if covering(rows[who], as_of) is None or closes > date(2026, 1, 1):
            wanted.append(np.nan)
        else:
            end = ended_for_good(rows[who], as_of)
            wanted.append(float(as_of <= end < as_of + timedelta(days=90)))
    np.testing.assert_array_equal(found, wanted)
    assert np.nansum(found) > 50


def test_every_state_part_raises_the_hazard_and_sorts_churners(big, snapshots):
    account, day, label, _ = snapshots
    truth = big.truth
    assert len(truth.effects) + 1 >= 9  # and the calendar
    week = truth.timeline.week(day)
    for part, table in truth.effects.items():
        assert 0.51 < auc(table[account, week], label) < 0.65, part
    row = truth.contracts
    known, _ = truth._known(account, day)
    yearly = row.term[known] > 1
    near = row.end[known] - day < 90
    assert label[yearly & near].mean() > 2 * label[yearly & ~near].mean()


# --- no observable feature alone


class Reader:
    """Plain window arithmetic over the tables, for the snapshots of one company."""

    def __init__(self, company, account, day):
        self.tables, self.account, self.day = company.tables, account, day
        self.number = {name: n for n, name in enumerate(company.truth.account_id)}
        self.who = {
            stem: np.array([self.number[n] for n in table["account_id"]])
            for stem, table in company.tables.items()
            if stem != "accounts"
        }
        self.first = company.truth.timeline.first
        self.days = company.truth.timeline.until - self.first + 2

    def rows(self, stem, when):
        who = self.who[stem]
        return who, self.tables[stem][when].astype("M8[D]").astype(np.int64)

    def counts(self, who, when, weight=None):
        """Cumulative weight by account and day: what was before each day."""
        grid = np.zeros((len(self.number), self.days))
        at = np.clip(when - self.first + 1, 0, self.days - 1)
        np.add.at(grid, (who, at), 1.0 if weight is None else weight)
        return grid.cumsum(axis=1)

    def window(self, counts, days, *, shift=0):
        last = self.day - self.first - shift
        return counts[self.account, last] - counts[self.account, last - days]

    def latest(self, who, when, value):
        order = np.lexsort((when, who))
        key = who[order] * 10**6 + when[order]
        at = np.searchsorted(key, self.account * 10**6 + self.day) - 1
        mine = (at >= 0) & (who[order][np.maximum(at, 0)] == self.account)
        return np.where(mine, value[order][np.maximum(at, 0)], np.nan)


def usage_features(read):
    table = read.tables["usage"]
    who, when = read.rows("usage", "happened_at")
    kinds = {name: n for n, name in enumerate(EVENTS)}
    event = np.fromiter((kinds[name] for name in table["event"]), np.int8)
    weight, features = table["count"].astype(float), {}
    for name in ("login", "integration", "automation", "settings", "api_call"):
        of = event == kinds[name]
        counts = read.counts(who[of], when[of], weight[of])
        features[f"{name} 28"] = read.window(counts, 28)
        features[f"{name} 90"] = read.window(counts, 90)
        seen = read.latest(who[of], when[of], when[of].astype(float))
        features[f"{name} since"] = read.day - seen
    used = [read.counts(who[event == k], when[event == k]) for k in kinds.values()]
    features["breadth"] = sum((read.window(k, 28) > 0) * 1 for k in used)
    total = read.counts(who, when, weight)
    before = read.window(total, 62, shift=28) / 62 * 28
    features["trend"] = np.log1p(read.window(total, 28)) - np.log1p(before)
    return features


def other_features(read):
    tables, features = read.tables, {}
    for stem, when in (("surveys", "answered_on"), ("pulse", "noted_on")):
        features[stem] = read.latest(*read.rows(stem, when), tables[stem]["score"])
    who, opened = read.rows("tickets", "opened_at")
    _, closed = read.rows("tickets", "closed_at")
    rated = ~np.isnan(tables["tickets"]["satisfaction"])
    features["satisfaction"] = read.latest(
        who[rated], closed[rated], tables["tickets"]["satisfaction"][rated]
    )
    closed = np.where(closed < 0, 10**6, closed)  # NaT: still open
    features["open tickets"] = read.window(read.counts(who, opened), 90)
    features["open tickets"] -= read.window(read.counts(who, closed), 90)
    urgent = tables["tickets"]["priority"] == "urgent"
    features["urgent"] = read.window(read.counts(who[urgent], opened[urgent]), 90)
    paid = ~np.isnat(tables["invoices"]["paid_on"])
    late = tables["invoices"]["paid_on"] - tables["invoices"]["due_on"]
    who, when = read.rows("invoices", "paid_on")
    features["late"] = read.latest(who[paid], when[paid], late[paid].astype(float))
    who, reached = read.rows("goals", "reached_on")
    features["goals"] = read.window(read.counts(who, reached), 90)
    return features


def active_users(read):
    """Distinct users of the last 28 days: each user's days merged into spans."""
    who, when = read.rows("usage", "happened_at")
    names = read.tables["usage"]["user_id"]
    number = {None: -1} | {f"u{n:03d}": n for n in range(1000)}
    user = np.fromiter((number[n] for n in names), np.int64, names.size)
    order = np.lexsort((when, user, who))
    order = order[user[order] >= 0]
    key, when = (who * 1000 + user)[order], when[order]
    follows = np.where(key[1:] == key[:-1], when[1:], 10**6)
    ends = np.minimum(when + 28, np.append(follows, 10**6))
    who = who[order]
    spans = read.counts(who, when) - read.counts(who, ends)
    return spans[read.account, read.day - read.first]


def contract_features(company, account, day):
    rows, (known, _) = company.truth.contracts, company.truth._known(account, day)
    return {
        "days to renewal": rows.end[known] - day,
        "renewal inside": (rows.end[known] - day < 90) * 1,
        "term": rows.term[known],
        "seats": rows.seats[known],
        "value": company.tables["subscriptions"]["mrr"][known],
        "discount": rows.discount[known],
        "tenure": day - rows.since[known],
    }


def test_no_observable_feature_alone_reaches_065(big, snapshots):
    account, day, label, best = snapshots
    read = Reader(big, account, day)
    features = {
        **usage_features(read),
        **other_features(read),
        **contract_features(big, account, day),
    }
    features["active users"] = active_users(read)
    features["seat use"] = features["active users"] / features["seats"]
    alone = {}
    for name, value in features.items():
        there = ~np.isnan(np.asarray(value, dtype=float))
        found = auc(value[there], label[there])
        alone[name] = max(found, 1 - found)
    assert len(alone) > 25
    assert max(alone.values()) < 0.65, max(alone, key=alone.get)
    assert max(alone.values()) < auc(best, label) - 0.10


# --- what a model must cope with


def test_the_forecast_does_not_use_the_future(small):
    """Wipe all that came after each date: the forecast must not move by one bit."""
    truth = small.truth
    for as_of in (date(2024, 3, 1), date(2025, 2, 1), date(2025, 11, 1)):
        day = int(np.datetime64(as_of, "D").astype(np.int64))
        now = int(truth.timeline.week(np.array(day)))
        effects = {k: v.copy() for k, v in truth.effects.items()}
        for table in effects.values():
            table[:, now + 1 :] = np.nan
        rows = truth.contracts.take(truth.contracts.signed < day)
        known = rows.stop < day
        told = (rows.notice >= 0) & (rows.notice < day)
        past = replace(
            rows,
            stop=np.where(known | told, rows.stop, rows.end),
            upgraded=rows.upgraded & known,
            notice=np.where(told, rows.notice, -1),
        )
        blind = replace(truth, effects=effects, contracts=past)
        ask = ([*truth.account_id], [as_of] * truth.account_id.size)
        seen = truth.churn_probability(*ask, **ASK)
        np.testing.assert_array_equal(blind.churn_probability(*ask, **ASK), seen)
        assert (~np.isnan(seen)).sum() > 80


def test_accounts_that_automate_log_in_less_call_more_and_are_not_riskier(big):
    truth, usage = big.truth, big.tables["usage"]
    on = truth.automated_on
    early = np.flatnonzero(~np.isnat(on) & (on < UNTIL - np.timedelta64(300, "D")))
    number = {name: n for n, name in enumerate(truth.account_id)}
    who = np.fromiter((number[n] for n in usage["account_id"]), np.int64)
    of = np.isin(who, early)
    lag = (usage["happened_at"][of].astype("M8[D]") - on[who[of]]).astype(np.int64)
    event, count = usage["event"][of], usage["count"][of]

    def around(name, low, high):
        return count[(event == name) & (lag >= low) & (lag < high)].sum()

    assert around("login", 100, 280) < 0.8 * around("login", -180, 0)
    assert around("api_call", 100, 280) > 20 * around("api_call", -180, 0)
    week = truth.timeline.week((on[early].astype(np.int64)) + 150)
    risk = sum(t[early, week] for t in truth.effects.values())
    everyone = sum(t[:, 60:].mean() for t in truth.effects.values())
    assert risk.mean() < everyone + 3 * risk.std() / np.sqrt(early.size)


def test_contracts_show_every_habit_of_a_real_business(big):
    rows = big.tables["subscriptions"]
    start, end = rows["start_date"], rows["end_date"]
    same = rows["account_id"][1:] == rows["account_id"][:-1]
    gap = (start[1:] - end[:-1]).astype(np.int64)
    upgraded = rows["status"] == "upgraded"
    after = same & ~upgraded[:-1]
    assert (after & (rows["signed_on"][1:] < end[:-1])).sum() > 100  # signed early
    assert (after & (gap > 0) & (gap <= 20)).sum() > 50  # late, a hole in cover
    assert (after & (rows["signed_on"][1:] > start[1:])).sum() > 50  # backdated
    assert (same & (start[1:] - end[:-1] > np.timedelta64(60, "D"))).sum() > 5  # back
    touching = rows["cancelled_on"][:-1][upgraded[:-1]] == start[1:][upgraded[:-1]]
    assert upgraded.sum() > 50
    assert touching.mean() > 0.95  # the others left before the upgrade was a day old
    gone = np.isin(rows["status"], ["cancelled", "ended"])
    told = ~np.isnat(rows["notice_on"])
    assert (gone & told).sum() > 100  # announced
    assert (gone & ~told).sum() > 50  # silent
    assert set(rows["term_months"].tolist()) == {1, 12, 24}
