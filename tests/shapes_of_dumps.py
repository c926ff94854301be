"""Files of events: a dump of Postgres, Mixpanel's export, and Segment's."""

import json
from datetime import UTC, date, datetime, timedelta

_COLUMNS = "id, user_id, name, occurred_at, is_background, inserted_at"


def with_a_dump(folder):
    days = [date(2025, 1, 1) + timedelta(days=7 * i) for i in range(40)]
    rows = [
        (i, "7" if i % 2 else "8", r"\N", f"{day} 23:30:00+00", "ft"[i % 10 == 3], day)
        for i, day in enumerate(days)
    ]
    lines = [
        *("--", "-- PostgreSQL database dump", "--", ""),
        "SET client_encoding = 'UTF8';",
        f"COPY public.events ({_COLUMNS}) FROM stdin;",
        *("\t".join(map(str, row)) for row in rows),
        *("\\.", "", "--", "-- PostgreSQL database dump complete", "--"),
    ]
    (folder / "events.copy").write_text("\n".join(lines) + "\n", encoding="utf-8")
    users = ["id,email,is_internal", "7,a@b.example,f", "8,c@d.example,f", "9,us,t"]
    (folder / "users.csv").write_text("\n".join(users), encoding="utf-8")
    sent = [
        {
            "event": event,
            "properties": {
                "time": int(datetime(2025, 9, i, tzinfo=UTC).timestamp()),
                "distinct_id": who,
                "$insert_id": f"m{i}",
            },
        }
        for i, (event, who) in enumerate(
            [("Paywall", "7"), ("Push Received", "8"), ("Paywall", "$device:1")], 1
        )
    ]
    text = "\n".join(map(json.dumps, sent))
    (folder / "mixpanel.jsonl").write_text(text, encoding="utf-8")


def from_segment(folder):
    plans = (
        "workspace,started,renews\na,2024-01-01,2025-01-01\nb,2024-01-01,2025-01-01\n"
    )
    (folder / "plans.csv").write_text(plans, encoding="utf-8")
    (folder / "track").mkdir()
    lines = [
        json.dumps(
            {
                "type": "track",
                "messageId": f"m{i}",
                "userId": "u1",
                "event": "Report Opened",
                "timestamp": f"{day}T08:00:00Z",
                "receivedAt": f"{day}T08:00:05Z",
                "context": {"groupId": "a"},
            }
        )
        for i in range(40)
        for day in [date(2024, 1, 1) + timedelta(days=7 * i)]
    ]
    (folder / "track" / "1.jsonl").write_text("\n".join(lines), encoding="utf-8")
