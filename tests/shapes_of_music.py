"""Files of music services: purchases beside cancellations, and a log of pages."""

import json
from datetime import UTC, date, datetime, timedelta

_HEAD = (
    "msno,payment_plan_days,actual_amount_paid,transaction_date,membership_expire_date"
    ",is_cancel,is_auto_renew"
)


def from_purchases(folder):
    """Write one who renews early, and one who cancels a term and what follows it."""
    rows = [
        *("a=,30,149,20250101,20250131,0", "a=,30,149,20250129,20250302,0"),
        *("a=,30,149,20250305,20250404,0", "b=,30,149,20250101,20250131,0"),
        *("b=,30,149,20250120,20250302,0", "b=,30,149,20250125,20250125,1"),
        "b=,180,799,20250125,20250724,0",
    ]
    (folder / "transactions.csv").write_text(
        "\n".join([_HEAD, *(f"{row},1" for row in rows)]) + "\n", "utf-8"
    )
    days = [date(2025, 1, 2) + timedelta(days=7 * i) for i in range(20)]
    logs = [f"{'ab'[i % 2]}=,{day:%Y%m%d},9,900.5" for i, day in enumerate(days)]
    lines = ["msno,date,num_unq,total_secs", *logs, "a=,20250103,3,-9.2e+15"]
    (folder / "user_logs.csv").write_text("\n".join(lines) + "\n", "utf-8")


def with_cancellations_among_events(folder):
    """Write one who stays and one who cancels, and a visitor without an id."""

    def row(who, day, page):
        at = datetime(2025, 1, 1, 20, tzinfo=UTC) + timedelta(days=day)
        about = {"ts": int(at.timestamp() * 1000), "userId": who, "page": page}
        known = {"registration": 1_700_000_000_000} if who else {}
        return json.dumps({**about, "level": "paid" if day % 2 else "free", **known})

    rows = [row("78"[i % 2], 7 * (i // 2), "NextSong") for i in range(40)]
    rows += [row("8", 134, page) for page in ("Cancel", "Cancellation Confirmation")]
    (folder / "log").mkdir()
    text = "\n".join([row("", 0, "Home"), *rows])
    (folder / "log" / "1.json").write_text(text + "\n", encoding="utf-8")
