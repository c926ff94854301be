"""Files as they come broken out of other people's systems, and what each is told."""

import gzip

import numpy as np
from tests.sources.broken import (
    EVENTS,
    FILES,
    MAIL,
    WHO,
    Cases,
    dangling,
    folder,
    parquet,
    path_of,
    pipe,
    query_of,
)

CASES = Cases()
refused, reported = CASES.refused, CASES.reported

# --- every table alike ---------------------------------------------------------------
for name, text in FILES.items():
    head, first, *_ = text.splitlines(keepends=True)
    key, *_ = head.split(",")
    refused(f"{name} is empty", "CH103", {name: ""})
    refused(f"{name} is one line break", "CH102", {name: "\n"})
    refused(f"{name} has a header only", "CH103", {name: head})
    refused(f"{name} is a folder", "CH101", {name: folder})
    refused(f"{name} is not there", "CH101", {}, path_of(name, f"no-{name}"))
    refused(f"{name} is matched by nothing", "CH101", {}, path_of(name, "no-*.csv"))
    refused(f"{name} lacks its id", "CH102", {name: text.replace(key, "kunde", 1)})
    refused(f"{name} has no header", "CH102", {name: text.removeprefix(head)})
    refused(
        f"{name} has an id of blanks", "CH106", {name: text.replace("\na1,", "\n  ,")}
    )
    refused(
        f"{name} has a ragged row", "CH111", {name: text + first.strip() + ",9,9\n"}
    )
    refused(
        f"{name} is latin-1",
        "CH111",
        {name: text.replace("a1", "J\xf6rg").encode("latin-1")},
    )
    refused(f"{name} is UTF-16", "CH111", {name: text.encode("utf-16")})
    reported(f"{name} holds NUL bytes", "CH215", {name: text.replace("a2", "a\0002")})
    refused(f"{name} is Parquet inside", "CH111", {name: parquet(account_id=[1])})
    reported(f"{name} begins with a byte-order mark", "CH209", {name: "\ufeff" + text})
    reported(
        f"{name} has Windows line ends", "CH209", {name: text.replace("\n", "\r\n")}
    )
    reported(
        f"{name} has capital column names",
        "CH209",
        {name: head.upper() + text.removeprefix(head)},
    )
    every = ", ".join(f"'x' as {c}" for c in head.strip().split(","))
    refused(
        f"{name} is a query that fails",
        "CH105",
        {},
        query_of(
            name, f"select * replace (error('{WHO}') as {key}) from (select {every})"
        ),
    )
    refused(
        f"{name} names its id twice",
        "CH102",
        {name: text.replace(key, f"{key},{key}", 1).replace("\na", "\na9,a")},
    )
    refused(
        f"{name} maps a column that is not there",
        "CH102",
        {},
        (f'path = "{name}"', f'path = "{name}"\ncolumns = {{ {key} = "kunde" }}'),
    )
    refused(
        f"{name} is filtered to nothing",
        "CH103",
        {},
        (f'path = "{name}"', f'path = "{name}"\nwhere = "1 = 2"'),
    )
    refused(
        f"{name} is filtered by nonsense",
        "CH105",
        {},
        (f'path = "{name}"', f'path = "{name}"\nwhere = "no_such = 1"'),
    )
    refused(
        f"{name} is text with an open quote",
        "CH111",
        {name: text + '"a1,2025-01-01\n'},
    )

# --- kinds of file ---------------------------------------------------------------
name, text = "events.csv", EVENTS
refused(
    f"{name} cut off inside gzip",
    "CH111",
    {f"{name}.gz": gzip.compress(text.encode() * 50, mtime=0)[:60]},
    path_of(name, f"{name}.gz"),
)
refused(
    f"{name} is no gzip", "CH111", {f"{name}.gz": text}, path_of(name, f"{name}.gz")
)
cut = parquet(account_id=[1] * 50)[:-9]
refused(
    f"{name} is cut Parquet", "CH111", {"t.parquet": cut}, path_of(name, "t.parquet")
)
refused(
    f"{name} is CSV named Parquet",
    "CH111",
    {"t.parquet": text},
    path_of(name, "t.parquet"),
)
refused(
    f"{name} is broken JSON lines",
    "CH111",
    {"t.jsonl": '{"account_id": "a1"}\n{"account_id": "' + WHO + "\n"},
    path_of(name, "t.jsonl"),
)
refused(f"{name} is an old sheet", "CH108", {"t.xls": "PK"}, path_of(name, "t.xls"))
refused(
    f"{name} is an address", "CH108", {}, path_of(name, "https://x.example.com/t.csv")
)
refused(f"{name} is a wrong query", "CH105", {}, query_of(name, "select * form t"))
refused(f"{name} is a link to nowhere", "CH101", {name: dangling})
refused(f"{name} is a pipe", "CH101", {name: pipe})

# --- types that files carry ----------------------------------------------------------
EVENTS_IN = path_of("events.csv", "t.parquet")
refused(
    "dates are numbers in Parquet",
    "CH104",
    {"t.parquet": parquet(account_id=["a1"], happened_at=[45717])},
    EVENTS_IN,
)
refused(
    "dates are truth values in Parquet",
    "CH104",
    {"t.parquet": parquet(account_id=["a1"], happened_at=[True])},
    EVENTS_IN,
)
refused(
    "counts are dates in Parquet",
    "CH104",
    {
        "t.parquet": parquet(
            account_id=["a1"],
            happened_at=["2025-03-01"],
            count=np.array(["2025-03-01"], "datetime64[D]"),
        )
    },
    EVENTS_IN,
)
refused(
    "ids are missing numbers in Parquet",
    "CH106",
    {"t.parquet": parquet(account_id=[1.0, np.nan], happened_at=["2025-03-01"] * 2)},
    EVENTS_IN,
)
for blank in ("", "  ", chr(160)):
    refused(
        f"an id is {blank!r} in Parquet",
        "CH106",
        {
            "t.parquet": parquet(
                account_id=["a1", blank], happened_at=["2025-03-01"] * 2
            )
        },
        EVENTS_IN,
    )
refused(
    "ids are numbers on one side only",
    "CH112",
    {"t.parquet": parquet(account_id=[1, 2], happened_at=["2025-03-01"] * 2)},
    EVENTS_IN,
)
LINES = path_of("events.csv", "t.jsonl")
refused(
    "a JSON count is a list",
    "CH104",
    {"t.jsonl": '{"account_id": "a1", "happened_at": "2025-03-01", "count": [1]}\n'},
    LINES,
)
refused(
    "a JSON date is an object",
    "CH104",
    {"t.jsonl": '{"account_id": "a1", "happened_at": {"day": 1}}\n'},
    LINES,
)
refused(
    "a JSON id is null",
    "CH106",
    {
        "t.jsonl": '{"account_id": null, "happened_at": "2025-03-01"}\n' * 2
        + '{"account_id": "a1", "happened_at": "2025-03-01"}\n'
    },
    LINES,
)
refused(
    "the files of a glob are of two kinds",
    "CH108",
    {"e1.csv": EVENTS, "e2.jsonl": "{}\n"},
    path_of("events.csv", "e*.*[vl]"),
)
refused(
    "one file of a glob is damaged",
    "CH111",
    {"e1.csv": EVENTS, "e2.csv": parquet(account_id=[1])},
    path_of("events.csv", "e?.csv"),
)
refused(
    "a category is gossip",
    "CH109",
    {},
    ('path = "events.csv"', 'path = "events.csv"\ncategory = { column = "text" }'),
)


# --- odd ones ------------------------------------------------------------------------
def loop(path):
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


refused("a file is a link to itself", "CH101", {"events.csv": loop})
refused("JSON lines are all empty objects", "CH102", {"t.jsonl": "{}\n{}\n"}, LINES)
refused("JSON lines are numbers", "CH102", {"t.jsonl": "1\n2\n"}, LINES)
refused(
    "a JSON object names a key twice",
    "CH111",
    {
        "t.jsonl": '{"account_id": "a1", "account_id": "a2",'
        ' "happened_at": "2025-03-01"}\n'
    },
    LINES,
)
refused(
    "a column of Parquet is a list of people",
    "CH104",
    {"t.parquet": parquet(account_id=["a1"], happened_at=[MAIL])},
    EVENTS_IN,
)
