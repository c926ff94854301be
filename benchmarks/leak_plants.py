"""Leaks as careless exports make them, planted into a company's files one at a time.

Each plant changes the tables or the configuration of a written company; ``PLANTS``
says by which findings it may be caught.
"""

from importlib.resources import files

import numpy as np
import pandas as pd

END = pd.Timestamp("2025-12-31")


class Files:
    """The tables of a written company, and its configuration as text."""

    def __init__(self, folder):
        self.data = folder / "data"
        self.random = np.random.default_rng(3)
        names = ("demo.toml", "rules-simulated.toml")
        texts = [files("churnhealth").joinpath(n).read_text("utf-8") for n in names]
        self.config, rules = texts
        (folder / names[1]).write_text(rules, encoding="utf-8")
        accounts = self.read("accounts")
        self.left = accounts.dropna(subset=["churned_on"]).set_index("id").churned_on
        self.left = pd.to_datetime(self.left)
        self.all = accounts.set_index("id")

    def read(self, name):
        return pd.read_csv(self.data / f"{name}.csv")

    def write(self, name, table):
        table.to_csv(self.data / f"{name}.csv", index=False)

    def days(self, low, high, n):
        return pd.to_timedelta(self.random.integers(low, high, n), unit="D")

    def swap(self, old, new):
        assert old in self.config, old
        self.config = self.config.replace(old, new, 1)


def attribute(f, name):
    f.swap('attributes = ["country"', f'attributes = ["{name}", "country"')


def reason_after_churn(f):
    attribute(f, "health_note_code")


def flag_of_today(f):
    attribute(f, "is_active")


def outcome_as_a_cohort(f):
    table = f.read("accounts")
    left = table.churned_on.notna() ^ (f.random.random(len(table)) < 0.02)
    f.write("accounts", table.assign(wave=np.where(left, "B", "A")))
    attribute(f, "wave")


def manager_taken_off(f):
    """Most leavers have no account manager any more, nor have a few others."""
    table = f.read("accounts")
    share = np.where(table.id.isin(f.left.index), 0.6, 0.04)
    off = f.random.random(len(table)) < share
    f.write("accounts", table.assign(manager=table.csm.mask(off, "unassigned")))
    attribute(f, "manager")


def event_of_leaving(f):
    when = f.left - f.days(5, 80, f.left.size)
    more = pd.DataFrame({"account_id": f.left.index, "happened_on": when.dt.date})
    calls = [f.read("calls"), more.assign(kind="offboarding", minutes=20)]
    f.write("calls", pd.concat(calls))


def state_of_the_first_day(f):
    left = f.all.churned_on.notna()
    score = np.where(left, 2, 6) + f.random.integers(0, 3, len(f.all))
    rows = pd.DataFrame({"account_id": f.all.index, "answered_on": f.all.created_on})
    rows = rows.assign(question="fit", score=score)
    f.write("surveys", pd.concat([f.read("surveys"), rows]))


def state_written_back(f):
    months = pd.date_range("2023-02-01", END, freq="MS")
    rows = pd.MultiIndex.from_product([f.all.index, months]).to_frame(index=False)
    rows.columns = ["account_id", "answered_on"]
    ahead = rows.account_id.map(f.left) - rows.answered_on
    soon = ahead < pd.Timedelta(days=130)
    score = np.where(soon, 2, 8) + f.random.integers(0, 2, len(rows))
    rows = rows.assign(question="outlook", score=score)
    f.write("surveys", pd.concat([f.read("surveys"), rows]))


def state_written_over(f):
    """A value of today in all rows of the past: it tells who leaves, never when."""
    left = f.all.churned_on.notna()
    low = f.random.random(len(f.all)) < np.where(left, 0.85, 0.15)
    today = pd.Series(np.where(low, 2, 8), f.all.index)
    created = pd.to_datetime(f.all.created_on)
    rows = [
        pd.DataFrame({"account_id": f.all.index, "answered_on": when.dt.date})
        for when in (created + pd.Timedelta(days=91 * q) for q in range(12))
    ]
    rows = pd.concat(rows)
    rows = rows[pd.to_datetime(rows.answered_on) <= END]
    rows = rows.assign(question="fit", score=rows.account_id.map(today))
    f.write("surveys", pd.concat([f.read("surveys"), rows]))


def ids_by_outcome(f):
    order = f.all.assign(left=f.all.churned_on.notna()).sort_values("left").index
    new = {old: f"C{i:06d}" for i, old in enumerate(order, start=1)}
    for file in f.data.glob("*.csv"):
        table = pd.read_csv(file)
        for column in ("id", "account_id"):
            if column in table:
                table[column] = table[column].map(new)
        table.to_csv(file, index=False)


def ids_of_an_archive(f):
    """Whoever left was moved to a system that puts a letter of its own before ids."""
    for file in f.data.glob("*.csv"):
        table = pd.read_csv(file)
        for column in {"id", "account_id"} & set(table):
            left = table[column].isin(f.left.index)
            table[column] = np.where(left, "X" + table[column], table[column])
        table.to_csv(file, index=False)


def ends_overwritten(f):
    table = f.read("subscriptions")
    last = table.sort_values("start_date").groupby("account_id").tail(1)
    mine = last[last.account_id.isin(f.left.index) & last.cancelled_on.isna()]
    ends = pd.to_datetime(table.loc[mine.index, "end_date"])
    starts = pd.to_datetime(table.loc[mine.index, "start_date"])
    cut = np.maximum(ends - f.days(6, 24, len(mine)), starts + pd.Timedelta(days=2))
    table.loc[mine.index, "end_date"] = pd.Series(cut, mine.index).dt.date.astype(str)
    f.write("subscriptions", table)


def interviews_after_leaving(f):
    when = (f.left + f.days(2, 25, f.left.size)).clip(upper=END)
    more = pd.DataFrame({"account_id": f.left.index, "happened_on": when.dt.date})
    calls = [f.read("calls"), more.assign(kind="exit_interview", minutes=20)]
    f.write("calls", pd.concat(calls))


def dump_of_one_day(f):
    totals = f.read("usage").groupby("account_id")["count"].sum().reset_index()
    totals.columns = ["account_id", "total"]
    f.write("totals", totals)
    f.config += """
[[sources.states]]
name = "totals"
sql = "select *, 'lifetime' as state, date '2025-12-31' as day from '{root}/totals.csv'"
[sources.states.columns]
account_id = "account_id"
known_at = "day"
state = "state"
value = "total"
"""


def source_that_starts_late(f):
    tickets = f.read("tickets")
    f.write("tickets", tickets[tickets.opened_at >= "2024-08-01"])


def groups_that_leave(f):
    table = f.read("accounts")
    left = table.churned_on.notna()
    number = left.groupby(left).cumcount() // 3
    names = np.where(left, "L", "S") + number.astype(str).to_numpy(dtype=object)
    f.write("accounts", table.assign(parent=names))
    f.swap('owner = "csm" }', 'owner = "csm", group = "parent" }')


def use_of_leavers_deleted(f):
    usage = f.read("usage")
    f.write("usage", usage[~usage.account_id.isin(f.left.index)])


def surveys_of_leavers_deleted(f):
    surveys = f.read("surveys")
    f.write("surveys", surveys[~surveys.account_id.isin(f.left.index)])


def renewals_known_too_early(f):
    """The day the customer signed up stands beside all of their terms."""
    terms = f.read("subscriptions")
    first = terms.groupby("account_id").signed_on.transform("min")
    f.write("subscriptions", terms.assign(signed_on=first))


def use_of_most_leavers_deleted(f):
    """Who left lately has not been deleted yet, nor have some others been."""
    usage, gone = f.read("usage"), f.left.index[f.random.random(len(f.left)) < 0.7]
    f.write("usage", usage[~usage.account_id.isin(gone)])


def tickets_deleted_after_a_year(f):
    tickets, gone = f.read("tickets"), f.left.index[f.left < "2025-01-01"]
    f.write("tickets", tickets[~tickets.account_id.isin(gone)])


def users_of_leavers_anonymised(f):
    usage = f.read("usage")
    gone = usage.account_id.isin(f.left.index) & usage.user_id.notna()
    f.write("usage", usage.assign(user_id=usage.user_id.mask(gone, "deleted")))


def renewal_switched_off(f):
    """Who cancels is switched to `no`, as of the term's first day."""
    terms = f.read("subscriptions")
    first = terms.groupby("account_id").start_date.min().rename("on").to_frame()
    last = terms.groupby("account_id").start_date.max().rename("on").to_frame()
    gone = last[last.index.isin(f.left.index[f.random.random(len(f.left)) < 0.7])]
    told = pd.concat([first.assign(value=1), gone.assign(value=0)]).reset_index()
    f.write("renewing", told.assign(state="renews"))
    f.swap(
        "[question]",
        '[[sources.states]]\nname = "renewing"\npath = "renewing.csv"\ncolumns = {'
        ' account_id = "account_id", known_at = "on", state = "state",'
        ' value = "value" }\n[question]',
    )


def renewals_dated_to_their_opening(f):
    """A renewal is opened 150 days ahead for everybody; those that were won stay."""
    terms = f.read("subscriptions").sort_values(["account_id", "start_date"])
    again = terms.duplicated("account_id") & (terms.term_months >= 12)
    opened = pd.to_datetime(terms.start_date) - pd.Timedelta(days=150)
    known = terms.signed_on.mask(again, opened.dt.date.astype(str))
    f.write("subscriptions", terms.assign(signed_on=known))


def ends_cut_to_whole_months(f):
    """The term of a leaver is written over with the months that it lasted."""
    terms = f.read("subscriptions").sort_values(["account_id", "start_date"])
    last = ~terms.duplicated("account_id", keep="last") & (terms.term_months >= 12)
    last &= terms.account_id.isin(f.left.index)
    months = terms.term_months.mask(last, f.random.integers(6, 11, len(terms)))
    day = [
        (start + pd.DateOffset(months=int(n))).date() if cut else end
        for start, end, n, cut in zip(
            pd.to_datetime(terms.start_date), terms.end_date, months, last, strict=True
        )
    ]
    none = {c: terms[c].mask(last) for c in ("cancelled_on", "notice_on")}
    f.write("subscriptions", terms.assign(end_date=day, term_months=months, **none))


def notices_written_to_the_first_day(f):
    terms = f.read("subscriptions")
    notice = terms.start_date.where(terms.notice_on.notna())
    f.write("subscriptions", terms.assign(notice_on=notice))


def plan_of_leavers(f):
    """Whose contract is over is moved to a plan of old ones, in most cases."""
    terms = f.read("subscriptions")
    last = terms.sort_values("start_date").groupby("account_id").tail(1)
    mine = last[last.account_id.isin(f.left.index)].index
    mine = mine[f.random.random(mine.size) < 0.6]
    terms.loc[mine, "plan"] = "archive"
    f.write("subscriptions", terms)


def segment_of_leavers(f):
    """The CRM calls a customer of old "former" where it used to name the size."""
    table = f.read("accounts")
    gone = table.churned_on.notna() & (f.random.random(len(table)) < 0.9)
    f.write("accounts", table.assign(tier=table.tier.where(~gone, "former")))


def discount_of_leavers(f):
    """What was offered to keep them is written over the terms of the last contract."""
    terms = f.read("subscriptions")
    last = terms.sort_values("start_date").groupby("account_id").tail(1)
    mine = last[last.account_id.isin(f.left.index)].index
    mine = mine[f.random.random(mine.size) < 0.6]
    terms.loc[mine, "discount"] = 0.35
    f.write("subscriptions", terms)


def months_of_leavers(f):
    """The term of whoever left is as long as they stayed; the agreed end stands."""
    terms = f.read("subscriptions")
    last = terms.sort_values("start_date").groupby("account_id").tail(1)
    mine = last[last.account_id.isin(f.left.index)].index
    gone = terms.account_id[mine].map(f.left)
    days = (gone - pd.to_datetime(terms.start_date[mine])).dt.days
    terms.loc[mine, "term_months"] = (days / 30.4375).round().clip(lower=0).astype(int)
    f.write("subscriptions", terms)


def invoices_written_off(f):
    """What leavers were last billed for was set to nought when they had gone."""
    table = f.read("invoices")
    newest = table.sort_values("issued_on").groupby("account_id").tail(3)
    mine = newest[newest.account_id.isin(f.left.index)].index
    table.loc[mine, "amount"] = 0.0
    f.write("invoices", table)


def total_of_the_export(f):
    """What was used in all stands among the facts of the account, some of it late."""
    totals = f.read("usage").groupby("account_id")["count"].sum()
    near = totals * (1 + 0.01 * f.random.standard_normal(totals.size))
    table = f.read("accounts")
    f.write("accounts", table.assign(lifetime=table.id.map(near).round()))
    attribute(f, "lifetime")


def number_of_contracts(f):
    many = f.read("subscriptions").groupby("account_id").size()
    table = f.read("accounts")
    f.write("accounts", table.assign(times=table.id.map(many)))
    attribute(f, "times")


def accounts_there_twice(f):
    """One in ten was imported again, under another id."""
    again = f.all.index.to_series().sample(frac=0.1, random_state=3)
    new = dict(zip(again, "X" + again, strict=True))
    for file in f.data.glob("*.csv"):
        table = pd.read_csv(file)
        column = "id" if file.stem == "accounts" else "account_id"
        if column in table:
            more = table[table[column].isin(new)]
            more = more.assign(**{column: more[column].map(new)})
            pd.concat([table, more]).to_csv(file, index=False)


def asked_about_renewals(f):
    """Ask who renews, where the demo asks who leaves in the next 90 days."""
    start = f.config.index('kind = "horizon"')
    rest = f.config[f.config.index("gap_days", start) :]
    rest = rest[: rest.index("[[playbooks]]")]
    f.config = f.config[:start] + 'kind = "renewal"\nlead_max_days = 120\n' + rest


def discount_of_renewers(f, leavers=0.0):
    """What is granted to renew is written over the discount of the term before."""
    asked_about_renewals(f)
    terms = f.read("subscriptions").sort_values(["account_id", "start_date"])
    renewed = terms.duplicated("account_id", keep="last")
    granted = f.random.random(len(terms)) < np.where(renewed, 0.7, leavers)
    f.write("subscriptions", terms.assign(discount=terms.discount.mask(granted, 0.35)))


def renewal_bills_of_leavers_deleted(f):
    """All are billed for the renewal months ahead; of leavers no such bill is kept."""
    asked_about_renewals(f)
    terms = f.read("subscriptions").sort_values(["account_id", "start_date"])
    again = terms[terms.duplicated("account_id") & (terms.term_months >= 12)]
    billed = pd.to_datetime(again.start_date) - f.days(80, 95, len(again))
    f.write("bills", pd.DataFrame({"account_id": again.account_id, "on": billed}))
    f.swap(
        "[snapshots]",
        '[[sources.events]]\nname = "bills"\npath = "bills.csv"\ncolumns = {'
        ' account_id = "account_id", happened_at = "on" }\n[snapshots]',
    )


def bills_closed_when_it_was_over(f):
    """What leavers never paid is closed by a job that writes the day of the bill."""
    table = f.read("invoices")
    newest = table.sort_values("issued_on").groupby("account_id").tail(3)
    mine = newest[newest.account_id.isin(f.left.index)].index
    table.loc[mine, "paid_on"] = table.issued_on[mine]
    f.write("invoices", table)


def use_of_leavers_loaded_again(f):
    """It was moved to an archive, and says when it came back from there."""
    usage, gone = f.read("usage"), f.left.index[f.random.random(len(f.left)) < 0.7]
    back = usage.account_id.map(f.left[gone]) + pd.Timedelta(days=30)
    back = back.clip(upper=END).where(back.notna(), pd.to_datetime(usage.received_at))
    f.write("usage", usage.assign(received_at=back))


PLANTS = {
    reason_after_churn: {"CH214", "CH225"},
    flag_of_today: {"CH213", "CH214", "CH222", "CH225"},
    outcome_as_a_cohort: {"CH225"},
    manager_taken_off: {"CH290"},
    event_of_leaving: {"CH225", "CH227"},
    state_of_the_first_day: {"CH225", "CH229"},
    state_written_back: {"CH225"},
    state_written_over: {"CH225", "CH229"},
    ids_by_outcome: {"CH226"},
    ids_of_an_archive: {"CH226"},
    ends_overwritten: {"CH228"},
    interviews_after_leaving: {"CH227"},
    dump_of_one_day: {"CH231"},
    source_that_starts_late: {"CH212"},
    groups_that_leave: {"CH230"},
    use_of_leavers_deleted: {"CH247"},
    surveys_of_leavers_deleted: {"CH247"},
    renewals_known_too_early: {"CH248"},
    use_of_most_leavers_deleted: {"CH247"},
    tickets_deleted_after_a_year: {"CH247"},
    users_of_leavers_anonymised: {"CH227"},
    renewal_switched_off: {"CH227"},
    renewals_dated_to_their_opening: {"CH248"},
    ends_cut_to_whole_months: {"CH228"},
    notices_written_to_the_first_day: {"CH256"},
    plan_of_leavers: {"CH225", "CH227"},
    segment_of_leavers: {"CH225", "CH227"},
    discount_of_leavers: {"CH227"},
    months_of_leavers: {"CH225", "CH228"},
    invoices_written_off: {"CH225", "CH227"},
    total_of_the_export: {"CH251"},
    number_of_contracts: {"CH251"},
    accounts_there_twice: {"CH252"},
    discount_of_renewers: {"CH291"},
    renewal_bills_of_leavers_deleted: {"CH291"},
    bills_closed_when_it_was_over: {"CH227"},
    use_of_leavers_loaded_again: {"CH247"},
}
