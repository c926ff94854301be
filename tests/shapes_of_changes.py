"""Files of a billing history, of app stores, of workspaces, of weeks and months."""

import json
from datetime import date, timedelta

from churnhealth.sources.engine import connect, literal

DAY = 86400
FIELDS = (
    "subscription_id,customer_id,change_type,status,plan_interval,quantity,amount,"
    "trial_end,current_period_start,current_period_end,canceled_at,ended_at,"
    "recorded_at,_deleted"
)


def at(day):
    return int((date.fromisoformat(day) - date(1970, 1, 1)).total_seconds())


def _change(
    subscription, kind, known, start, end, *, status="active", trial="", said="",
    ended="", amount=120000, deleted="false",
):  # fmt: skip
    seconds = [at(d) if d else "" for d in (trial, start, end, said, ended)]
    cells = [subscription, f"c{subscription[1]}", kind, status, "year", 5, amount]
    return ",".join(map(str, [*cells, *seconds, at(known) * 1000, deleted]))


def with_a_history_of_changes(folder):
    one, two, three = "2023-01-15", "2024-01-15", "2025-01-15"
    rows = [
        _change("sa", "created", "2023-01-01", "2023-01-01", one, status="trialing",
                trial=one),
        _change("sa", "trial_ended", one, one, two, trial=one),
        _change("sa", "renewed", two, two, three, trial=one),
        _change("sa", "updated", "2024-05-01", two, three, trial=one, amount=240000),
        _change("sa", "proration", "2024-05-01", "2024-05-01", three, trial=one,
                amount=-80000),
        _change("sa", "canceled", "2024-09-01", two, three, status="canceled",
                trial=one, said="2024-08-01", ended="2024-09-01"),
        _change("sb", "created", one, one, two, status="trialing", trial=two),
        _change("sb", "canceled", two, one, two, status="canceled", trial=two,
                said=two, ended=two),
        _change("sc", "created", one, one, two),
        _change("scx", "created", two, two, three),
        _change("scx", "deleted", "2024-01-16", two, three, deleted="true"),
    ]  # fmt: skip
    text = "\n".join([FIELDS, *rows]) + "\n"
    (folder / "subscription_history.csv").write_text(text, "utf-8")
    (folder / "events").mkdir()
    lines = [
        json.dumps(
            {
                "messageId": f"m{i}",
                "event": "Report Viewed",
                "ts": (at(one) + i * 7 * DAY) * 1000 + 123,
                "context": {"groupId": "ca", "user": {"id": "u1"}},
                "properties": {"items": None},
            }
        )
        for i in range(90)
    ]
    (folder / "events" / "2023.jsonl").write_text("\n".join(lines), "utf-8")


def billed_by_use(folder):
    """Write a contract under notice, a credit note, and a day that was restated."""
    (folder / "contracts.csv").write_text(
        "contract,customer,start,notice_on,ends_on,currency,recorded_on\n"
        "k1,a,2024-01-01,,,USD,2023-12-20\n"
        "k1,a,2024-01-01,2024-06-01,2024-08-30,USD,2024-06-03\n"
        "k2,b,2024-01-01,,,EUR,2024-01-01\n",
        encoding="utf-8",
    )
    (folder / "invoices.csv").write_text(
        "number,customer,kind,issued,amount,currency,recorded_on,paid_on\n"
        "1,a,invoice,2024-02-05,300,USD,2024-02-06,2024-03-01\n"
        "2,a,invoice,2024-03-05,600,USD,2024-03-06,\n"
        "3,a,credit note,2024-03-20,-150,USD,2024-03-20,2024-03-20\n"
        "4,b,invoice,2024-06-28,90,EUR,2024-06-30,\n",
        encoding="utf-8",
    )
    rows = [
        f"u{i},{'ab'[i % 2]},{date(2024, 1, 2) + timedelta(days=7 * i)},10"
        for i in range(26)
    ]
    known = [f"{row},{row.split(',')[2]}" for row in rows]
    known.append("u0,a,2024-01-02,4,2024-01-20")
    head = "record,customer,day,units,recorded_on"
    (folder / "usage.csv").write_text("\n".join([head, *known]), encoding="utf-8")


def with_a_column_for_each_month(folder):
    head = "Customer ID,Customer," + ",".join(
        f"{date(2024, month, 1):%b-%y}" for month in range(1, 8)
    )
    lines = [
        head,
        'a,Amber,"1,200.00","1,200.00",0.00,"1,500.00","1,500.00",900.00,900.00',
        "b,Birch,99.00,99.00,,-,$0.00,0,99.00",
        ',Total,"1,299.00","1,299.00",0.00,"1,500.00","1,500.00",900.00,999.00',
    ]
    (folder / "mrr.csv").write_text("\n".join(lines) + "\n", "utf-8")
    rows = [f"a,{date(2024, 1, 1) + timedelta(days=7 * i)},login" for i in range(20)]
    text = "\n".join(["customer,ts,feature", *rows]) + "\n"
    (folder / "usage.csv").write_text(text, "utf-8")


def with_minimum_terms(folder):
    files = {
        "contracts": "customer,contract,activated,notice_received,terminated,fee,"
        "tariff\na,1,2022-01-10,,,25,M\nb,2,2022-03-01,2024-03-20,2024-04-20,15,S\n",
        "minimum_terms": "customer,bound_until,agreed_on\na,2024-01-10,2022-01-10\n"
        "a,2025-12-01,2023-12-01\nb,2024-03-01,2022-03-01\n",
        "usage": "customer,day,gigabytes\n"
        + "".join(f"a,{date(2024, 1, 1) + timedelta(7 * i)},1.5\n" for i in range(20)),
    }
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")


def from_app_stores(folder):
    (folder / "transactions").mkdir()
    file = literal(str(folder / "transactions" / "2024.parquet"))
    with connect() as con:
        con.execute(
            "copy (select 'u1' as app_user_id, * from (values"
            " (timestamptz '2024-01-01 10:00+00', timestamptz '2024-01-31 10:00+00',"
            " 'pro_monthly', null::timestamptz, 4990000, false),"
            " (timestamptz '2024-01-31 10:00+00', timestamptz '2024-03-01 10:00+00',"
            " 'pro_monthly', null, 4990000, false),"
            " (timestamptz '2024-01-31 10:00+00', timestamptz '2024-03-01 10:00+00',"
            " 'pro_monthly', timestamptz '2024-02-09 10:00+00', 4990000, false),"
            " (timestamptz '2023-12-25 10:00+00', timestamptz '2024-01-01 10:00+00',"
            " 'pro_monthly', null, 0, true)"
            " ) t(purchase_date, expires_date, product_id, revocation_date,"
            f" price_micros, is_trial)) to {file} (format parquet)"
        )
        for i in range(20):
            day = date(2024, 1, 1) + timedelta(days=2 * i)
            part = folder / "events" / f"dt={day}"
            part.mkdir(parents=True)
            con.execute(
                "copy (select 'u1' as app_user_id, 'session' as event_name,"
                f" timestamp '{day} 08:00' as client_ts)"
                f" to {literal(str(part / 'part-0.parquet'))} (format parquet)"
            )


def with_workspaces(folder):
    def saved(name, *lines):
        (folder / "usage").mkdir(exist_ok=True)
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")

    saved("contracts.csv", "parent_id,begin,end,terminated_on,monthly",
          "P1,2024-01-01,2025-01-01,2024-07-01,90",
          "P2,2024-01-01,2025-01-01,,90")  # fmt: skip
    saved("workspaces.csv", "workspace_id,parent_id,valid_from,valid_to",
          "w1,P1,2024-01-01,2024-07-01",
          "w1,P2,2024-07-01,",
          "w2,P2,2024-01-01,")  # fmt: skip
    days = [date(2024, 1, 1) + timedelta(days=10 * i) for i in range(30)]
    saved("usage/eu_2024.csv", "day;workspace;person;logins;reports;exports",
          *[f"{d:%d.%m.%Y};w1;u1;2;1;0" for d in days])  # fmt: skip
    saved("usage/us_2024.csv", "day,workspace,person,logins,reports,exports",
          *[f"{d:%m/%d/%Y},w2,u2,2,0,1" for d in days])  # fmt: skip


def with_weeks_and_months(folder):
    terms = "\n".join(f"{who},2024-01-01,2025-01-01,90,5" for who in "ab")
    weeks = [date(2025, 6, 2) + timedelta(days=7 * i) for i in range(31)]
    weekly = "\n".join(f"a,{day:%G-W%V},{140 + i},4" for i, day in enumerate(weeks))
    monthly = "\n".join(f"a,2025-{month:02},7.5" for month in range(1, 13))
    for name, first, rows in (
        ("contracts", "account,start,end,mrr,seats", terms),
        ("weekly", "account,week,actions,people", weekly),
        ("monthly", "account,month,gigabytes", monthly),
    ):
        (folder / f"{name}.csv").write_text(f"{first}\n{rows}\n", encoding="utf-8")
