"""What the pages show is run: Python as it stands, configurations on such files."""

import gzip
import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests import shapes_of_changes as changes
from tests.shapes_of_dumps import from_segment, with_a_dump
from tests.shapes_of_music import from_purchases, with_cancellations_among_events

from churnhealth.checks.check import check
from churnhealth.config import read_config
from churnhealth.sources.contract import FAR, date_of
from churnhealth.sources.engine import connect, literal
from churnhealth.sources.load import load

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(p.name for p in DOCS.glob("*.md") if "```python" in p.read_text("utf-8"))
TODAY = date(2026, 1, 1)


def blocks(page, kind):
    text = (DOCS / page).read_text(encoding="utf-8")
    pattern = rf"^```{kind}\n(.*?)^```"
    return re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning:shap")
@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), names)


def csv(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(",".join(map(str, r)) for r in rows) + "\n", "utf-8")


def days(n, start=date(2024, 1, 1)):
    return [start + timedelta(days=7 * i) for i in range(n)]


def seconds(day):
    return int((day - date(1970, 1, 1)).total_seconds())


def from_csv(folder):
    csv(folder / "customers.csv", ("id", "company", "tier", "csm"),
        ("a", "Amber", "mid", "m1"), ("b", "Birch", "small", "m2"))  # fmt: skip
    csv(folder / "subscriptions.csv", ("customer", "from", "to", "mrr", "seats"),
        *[(c, "2024-01-01", "2025-01-01", 90, 5) for c in "ab"])  # fmt: skip
    csv(folder / "usage" / "one.csv", ("customer", "ts", "feature", "user"),
        *[("a", f"{d} 08:00:00", "login", "u1") for d in days(40)])  # fmt: skip
    csv(folder / "nps.csv", ("customer", "answered", "question", "score"),
        ("a", "2024-05-05", "nps", 9))  # fmt: skip


def from_spreadsheet(folder):
    def saved(name, *lines):
        (folder / name).write_bytes("\r\n".join(lines).encode("windows-1252"))

    saved("Verträge.csv", "Verträge, Stand 31.12.2025", "",
          "Kunde;Beginn;Läuft bis;Betrag (€)",
          "007;31.01.2024;31.01.2025;1.234,50",
          "008;01.02.2024;01.02.2025;99,00")  # fmt: skip
    saved("Tickets.csv", "Kunde;Eröffnet;Geschlossen;Priorität",
          *[f"007;{d:%d.%m.%Y} 08:15;;hoch" for d in days(20)])  # fmt: skip
    saved("NPS.csv", "Kunde;Datum;Punkte", "007;05.05.2024;9")


def from_database(folder):
    with connect() as con:
        file, logins = (literal(str(folder / n)) for n in ("billing.duckdb", "logins"))
        con.execute(f"attach {file} as billing")
        con.execute(
            "create table billing.contracts as select customer_id, date '2024-01-01' as"
            " started_on, date '2025-01-01' as ends_on, 120000 as amount_cents,"
            " 12 as months from (values ('a'), ('b')) t(customer_id)"
        )
        con.execute("detach billing")
        con.execute(
            "copy (select 'a' as org, date '2024-01-01' + 7 * i::int as day, 2 as n"
            f" from range(40) t(i)) to {logins[:-1]}.parquet' (format parquet)"
        )


def from_subscriptions(folder):
    start, stop = seconds(date(2024, 1, 1)), seconds(date(2024, 6, 1))
    csv(folder / "subscriptions.csv",
        ("customer", "start_date", "trial_end", "ended_at", "canceled_at",
         "plan_amount", "plan_interval", "quantity"),
        ("a", start, start + 86400, "", "", 120000, "year", 5),
        ("b", start, "", stop, stop, 9900, "month", 1),
        ("in a trial", start, stop, stop - 86400, start, 9900, "month", 1))  # fmt: skip
    csv(folder / "events.csv", ("customer_id", "ts", "event", "user"),
        *[("a", f"{d}T08:00:00+02:00", "login", "u1") for d in days(40)])  # fmt: skip
    (folder / "events.csv.gz").write_bytes(
        gzip.compress((folder / "events.csv").read_bytes())
    )


def from_stripe(folder):
    start, end = seconds(date(2024, 1, 1)), seconds(date(2025, 1, 1))
    stop = seconds(date(2024, 2, 1))
    csv(folder / "subscription_periods.csv",
        ("customer", "current_period_start", "current_period_end", "ended_at",
         "amount", "interval", "quantity"),
        ("a", start, end, "", 120000, "year", 5),
        ("b", start, end, stop, 9900, "month", 1))  # fmt: skip
    csv(folder / "invoices.csv", ("customer", "created", "paid_at", "amount_due"),
        *[("a", seconds(d), seconds(d) + 86400, 9900) for d in days(12)],
        ("b", start, "", 9900))  # fmt: skip


def from_crm(folder):
    csv(folder / "Account.csv", ("Id", "Name", "OwnerName", "Type"),
        ("a", "Amber", "m1", "mid"), ("b", "Birch", "m2", "small"))  # fmt: skip
    csv(folder / "Opportunity.csv",
        ("AccountId", "IsClosed", "IsWon", "Contract_Start__c", "Contract_End__c",
         "Monthly_Amount__c", "CloseDate"),
        ("a", "true", "true", "2024-01-01", "2025-01-01", 90, "2023-12-20"),
        ("b", "true", "true", "2024-02-01", "2025-02-01", 50, "2024-01-20"),
        ("b", "true", "false", "2025-02-01", "2026-02-01", 50, "2024-12-20"),
    )  # fmt: skip
    csv(folder / "Case.csv", ("Id", "AccountId", "CreatedDate", "Priority",
                              "ClosedDate"),
        *[(f"c{i}", "a", d, "High", d + timedelta(days=2))
          for i, d in enumerate(days(20))])  # fmt: skip
    csv(folder / "hubspot_meetings.csv", ("company", "Activity date", "Meeting type"),
        *[("a", f"{d} 10:30", "QBR") for d in days(8)])  # fmt: skip


def with_currencies_and_zones(folder):
    csv(folder / "contracts.csv", ("customer", "from", "to", "mrr", "currency"),
        ("a", "2024-01-01", "2025-01-01", 90, "EUR"),
        ("b", "2024-02-01", "2025-02-01", 990, "SEK"))  # fmt: skip
    csv(folder / "usage.csv", ("customer", "ts", "feature"),
        *[("a", f"{d} 09:00", "login") for d in days(20)],
        *[("b", f"{d} 09:00+09:00", "login") for d in days(20)])  # fmt: skip
    csv(folder / "tickets.csv", ("customer", "opened", "priority"),
        *[("b", f"{d} 08:15", "high") for d in days(8)])  # fmt: skip
    csv(folder / "zones.csv", ("customer", "zone"),
        ("a", "Europe/Berlin"), ("b", "Asia/Tokyo"))  # fmt: skip


def renewing_by_themselves(folder):
    csv(folder / "contracts.csv",
        ("customer", "begins", "months", "monthly", "renews", "given_on"),
        ("a", "2022-01-31", 12, 90, "yes", ""),  # a term a year, on to 2026-01-31
        ("b", "2022-01-01", 24, 90, "yes", "2025-11-01"),  # told in its second term
        ("c", "2022-01-01", 12, 90, "yes", "2023-01-01"),  # told on the last day
        ("d", "2022-01-01", 12, 90, "no", ""))  # fmt: skip
    csv(folder / "usage.csv", ("customer", "ts", "feature"),
        *[("abcd"[i % 4], day, "login") for i, day in enumerate(days(40, date(2024, 10, 1)))])  # noqa: E501  # fmt: skip


def with_licences(folder):
    from_csv(folder)
    (folder / "usage" / "one.csv").rename(folder / "usage.csv")
    csv(folder / "subscriptions.csv", ("customer", "from", "to", "mrr"),
        *[(c, "2024-01-01", "2025-01-01", 90) for c in "ab"])  # fmt: skip
    csv(folder / "licences.csv", ("customer", "valid_from", "licences"),
        ("a", "2024-01-01", 5), ("a", "2024-06-01", 8))  # fmt: skip


def with_trials_and_merges(folder):
    csv(folder / "contracts.csv", ("workspace", "plan", "from", "to", "mrr"),
        ("a", "trial", "2023-12-18", "2024-01-01", 0),
        ("a", "team", "2024-01-01", "2025-01-01", 20),
        ("b", "team", "2024-02-01", "2025-02-01", 20),
        ("test_1", "team", "2024-01-01", "2034-01-01", 0))  # fmt: skip
    csv(folder / "merges.csv", ("old_id", "new_id"), ("b", "a"))
    (folder / "track").mkdir()
    rows = [
        (i, "ab"[i % 2], day, "report_viewed" if i < 20 else "Report Viewed")
        for i, day in enumerate(days(40))
    ]
    lines = [
        f'{{"id": {i}, "workspace": "{who}", "ts": "{day}T08:00:00Z",'
        f' "user_id": "u{i % 3}", "event": "{event}"}}'
        for i, who, day, event in [*rows, (99, "test_1", "2024-03-01", "report_viewed")]
    ]
    for name, part in (("1", lines[:30]), ("2", lines[20:])):  # they overlap
        text = "\n".join(part)
        (folder / "track" / f"{name}.jsonl").write_text(text, encoding="utf-8")


def with_several_ids(folder):
    csv(folder / "companies.csv",
        ("hs_object_id", "name", "hubspot_owner_email", "stripe_customer_id"),
        ("901", "A", "x@a.example", "cus_a"), ("902", "B", "x@a.example", "cus_b"),
        ("903", "A lead", "", ""))  # fmt: skip
    csv(folder / "plans.csv", ("customer", "started", "renews", "mrr"),
        *[(c, "2024-01-01", "2025-01-01", "9") for c in ("cus_a", "cus_b", "cus_x")],
        )  # fmt: skip
    lines = [
        json.dumps(
            {
                "id": i,
                "created_at": f"{day}T08:00:00Z",
                "priority": "high",
                "organization": {"id": 1, "external_id": "901"},
                "metrics": {"solved_at": None if i % 2 else f"{day}T09:00:00Z"},
            }
        )
        for i, day in enumerate(days(20))
    ]
    (folder / "tickets.jsonl").write_text("\n".join(lines), encoding="utf-8")


SHAPES = [
    from_csv,
    from_spreadsheet,
    from_database,
    from_segment,
    with_a_dump,
    with_cancellations_among_events,
    from_subscriptions,
    from_stripe,
    changes.with_a_history_of_changes,
    changes.billed_by_use,
    changes.with_a_column_for_each_month,
    changes.from_app_stores,
    from_purchases,
    from_crm,
    renewing_by_themselves,
    changes.with_minimum_terms,
    with_licences,
    with_currencies_and_zones,
    with_trials_and_merges,
    with_several_ids,
    changes.with_workspaces,
    changes.with_weeks_and_months,
]
EXPECTED = {
    "From CSV": (2, 2, {"product": 40}),
    "From a spreadsheet": (2, 2, {"tickets": 20}),
    "From a database": (2, 2, {"logins": 40}),
    "From Segment": (2, 2, {"product": 40}),
    "From a dump": (2, 0, {"app": 36, "mixpanel": 1}),
    "An app whose people cancel": (2, 2, {"app": 40}),
    "From Stripe's subscriptions": (2, 2, {"product": 40}),
    "From Stripe": (2, 2, {"invoices": 13}),
    "A history of changes": (2, 5, {"product": 90}),
    "Billed by use": (2, 7, {"usage": 27, "invoices": 4}),
    "A schedule of revenue": (2, 7, {"product": 20}),
    "From app stores": (1, 2, {"app": 20}),
    "From purchases": (2, 6, {"listening": 20}),
    "From a CRM": (2, 2, {"cases": 20, "meetings": 8}),
    "Renewing by themselves": (4, 8, {"product": 40}),
    "Minimum terms": (2, 2, {"usage": 20, "minimum_term_ends": 3}),
    "Seats beside the contracts": (2, 2, {"product": 40}),
    "Two currencies": (2, 2, {"product": 40, "tickets": 8}),
    "Trials and merges": (1, 2, {"product": 40}),
    "Several ids": (3, 2, {"tickets": 20}),
    "Workspaces": (2, 2, {"product": 180}),
    "Weekly figures": (2, 2, {"usage": 30, "storage": 12}),
}


@pytest.mark.parametrize("at", range(len(SHAPES)), ids=lambda i: SHAPES[i].__name__)
def test_a_configuration_of_the_page_reads_files_of_that_shape(at, tmp_path):
    text = blocks("your-data.md", "toml")[at]
    SHAPES[at](tmp_path)
    (tmp_path / "churnhealth.toml").write_text(text, encoding="utf-8")
    config = read_config(tmp_path / "churnhealth.toml")
    loaded = load(config)
    history = loaded.history
    accounts, terms, events = EXPECTED[config.company.name]
    assert history.accounts.ids.size == accounts
    assert (history.contracts.start.size if history.contracts else 0) == terms
    assert {log.name: log.account.size for log in history.events} == events
    found = check(config, loaded, today=TODAY)
    assert [f.code for f in found if f.stops] == []


def test_stripes_configuration_reads_periods_of_which_none_was_stopped(tmp_path):
    # A column without a single value is text to whoever guesses at it.
    [text] = [b for b in blocks("your-data.md", "toml") if '"From Stripe"' in b]
    from_stripe(tmp_path)
    for name, emptied in (
        ("subscription_periods", "ended_at"),
        ("invoices", "paid_at"),
    ):
        path = tmp_path / f"{name}.csv"
        first, *rows = path.read_text(encoding="utf-8").splitlines()
        at = first.split(",").index(emptied)
        cells = [row.split(",") for row in rows]
        rows = [",".join([*c[:at], "", *c[at + 1 :]]) for c in cells]
        path.write_text("\n".join([first, *rows]) + "\n", encoding="utf-8")
    (tmp_path / "churnhealth.toml").write_text(text, encoding="utf-8")
    contracts = load(read_config(tmp_path / "churnhealth.toml")).history.contracts
    assert (contracts.cancelled_at == FAR).all()


def test_a_contract_that_renews_by_itself_has_a_term_until_notice_is_given(tmp_path):
    [text] = [b for b in blocks("your-data.md", "toml") if "by themselves" in b]
    renewing_by_themselves(tmp_path)
    (tmp_path / "churnhealth.toml").write_text(text, encoding="utf-8")
    terms = load(read_config(tmp_path / "churnhealth.toml")).history.contracts
    rows = zip(terms.account, terms.start, terms.end, terms.notice_at, strict=True)
    told = [
        (int(a), str(date_of(int(s))), str(date_of(int(e))), n < FAR)
        for a, s, e, n in rows
    ]
    assert told == [
        (0, "2022-01-31", "2023-01-31", False),
        (0, "2023-01-31", "2024-01-31", False),
        (0, "2024-01-31", "2025-01-31", False),
        (0, "2025-01-31", "2026-01-31", False),
        (1, "2022-01-01", "2024-01-01", False),
        (1, "2024-01-01", "2026-01-01", True),
        (2, "2022-01-01", "2023-01-01", True),
        (3, "2022-01-01", "2023-01-01", False),
    ]


def test_of_a_history_of_changes_the_row_known_last_holds(tmp_path):
    [text] = [b for b in blocks("your-data.md", "toml") if "history of changes" in b]
    changes.with_a_history_of_changes(tmp_path)
    (tmp_path / "churnhealth.toml").write_text(text, encoding="utf-8")
    terms = load(read_config(tmp_path / "churnhealth.toml")).history.contracts
    holds = terms.rows(terms.replaced_at == FAR)
    rows = zip(holds.account, holds.start, holds.cancelled_at, holds.value, strict=True)
    told = [
        (int(a), str(date_of(int(s))), str(date_of(int(c))) if c < FAR else "", v)
        for a, s, c, v in rows
    ]
    assert told == [
        (0, "2023-01-15", "", 100.0),
        (0, "2024-01-15", "2024-09-01", 100.0),
        (1, "2023-01-15", "", 100.0),
    ]


def test_a_workspace_counts_for_the_parent_that_it_had_on_the_day(tmp_path):
    text = blocks("your-data.md", "toml")[SHAPES.index(changes.with_workspaces)]
    changes.with_workspaces(tmp_path)
    (tmp_path / "churnhealth.toml").write_text(text, encoding="utf-8")
    [log] = load(read_config(tmp_path / "churnhealth.toml")).history.events
    moved = date(2024, 7, 1)
    first = [str(date_of(int(d))) for d in log.happened_at[log.account == 0]]
    assert max(first) < str(moved)
    assert len(set(first)) == 19


def test_a_renewal_that_was_lost_is_the_notice_of_the_term_before_it(tmp_path):
    text = blocks("your-data.md", "toml")[SHAPES.index(from_crm)]
    from_crm(tmp_path)
    (tmp_path / "churnhealth.toml").write_text(text, encoding="utf-8")
    terms = load(read_config(tmp_path / "churnhealth.toml")).history.contracts
    noticed = [str(date_of(int(n))) for n in terms.notice_at if n < FAR]
    assert noticed == ["2024-12-20"]


def test_a_cancellation_stops_terms_and_a_purchase_takes_over_at_the_end(tmp_path):
    text = next(t for t in blocks("your-data.md", "toml") if "From purchases" in t)
    from_purchases(tmp_path)
    (tmp_path / "churnhealth.toml").write_text(text, encoding="utf-8")
    terms = load(read_config(tmp_path / "churnhealth.toml")).history.contracts
    begun = [f"{date_of(day):%m-%d}" for day in terms.start.tolist()]
    assert begun == ["01-01", "01-31", "03-05", "01-01", "01-25", "01-25"]
    stopped = [f"{date_of(d):%m-%d}" for d in terms.cancelled_at.tolist() if d < FAR]
    assert stopped == ["01-25", "01-25"]


def test_every_shape_on_the_page_has_a_test():
    assert len(blocks("your-data.md", "toml")) == len(SHAPES) == len(EXPECTED)


def test_the_page_of_verbs_is_what_the_command_line_says():
    import importlib.util

    spec = importlib.util.spec_from_file_location("list_verbs", DOCS / "list_verbs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == module.page()


def test_every_page_is_listed_and_every_name_is_explained():
    import churnhealth

    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert {p.name for p in DOCS.glob("*.md")} - {"README.md"} == set(
        re.findall(r"\]\((\w[\w-]*\.md)\)", index)
    )
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    assert not [n for n in churnhealth.__all__ if f"`{n}`" not in page]
