"""The same 64 features, as a good hand would write them for other engines.

Each takes the file of raw events and gives ``(accounts x dates, 64)``: accounts in
order of their ids, dates ascending, events by name, windows, then count and sum. All
first add up events by account, event and day, which is the quickest way for each.
"""

from datetime import date, timedelta

import numpy as np

WINDOWS = (7, 28, 90, 180)
AS_OF = [date(2024 + (6 + m) // 12, (6 + m) % 12 + 1, 1) for m in range(18)]


def polars(path):
    """Sort, add up by day, running sums, one `join_asof` for each edge of a window."""
    import polars as pl

    daily = (
        pl.scan_parquet(path)
        .with_columns(pl.col("happened_at").cast(pl.Date).alias("day"))
        .group_by("account_id", "event", "day")
        .agg(pl.len().cast(pl.Int64).alias("n"), pl.col("amount").sum().alias("s"))
        .sort("account_id", "event", "day")
        .with_columns(pl.col("n", "s").cum_sum().over("account_id", "event"))
        .collect()
    )
    accounts = daily["account_id"].unique().sort()
    events = daily["event"].unique().sort()
    asked = (
        accounts.to_frame()
        .join(pl.DataFrame({"as_of": AS_OF}), how="cross")
        .join(events.to_frame(), how="cross")
        .sort("account_id", "event", "as_of")
    )
    daily = daily.sort("account_id", "event", "day")
    edges = {}
    for days in (0, *WINDOWS):
        edge = asked.with_columns(
            (pl.col("as_of") - timedelta(days=days + 1)).alias("day")
        )
        edges[days] = edge.join_asof(
            daily,
            on="day",
            by=["account_id", "event"],
            strategy="backward",
            check_sortedness=False,
        ).select(pl.col("n", "s").fill_null(0))
    shape = (accounts.len(), events.len(), len(AS_OF))
    now = edges[0].to_numpy()
    windows = [(now - edges[w].to_numpy()).reshape(*shape, 2) for w in WINDOWS]
    return _table(np.stack(windows, axis=3))


def _table(by_account_event_date):
    """Turn (accounts, events, dates, windows, 2) into rows of account and date."""
    accounts, events, dates, windows, two = by_account_event_date.shape
    rows = by_account_event_date.transpose(0, 2, 1, 3, 4)
    return rows.reshape(accounts * dates, events * windows * two).astype(float)


_DAILY = """
CREATE TEMP TABLE daily AS
SELECT account_id, event, CAST(happened_at AS DATE) AS day, count(*) AS n,
       sum(amount) AS s
FROM read_parquet('{path}') GROUP BY ALL;
CREATE TEMP TABLE asked AS
SELECT account_id, as_of
FROM (SELECT DISTINCT account_id FROM daily), (SELECT unnest([{dates}]) AS as_of);
"""


def _connected(path):
    from churnhealth.sources.engine import connect

    con = connect()
    con.execute("SET threads = 2")
    dates = ", ".join(f"DATE '{day}'" for day in AS_OF)
    con.execute(_DAILY.format(path=path, dates=dates))
    found = con.execute("SELECT DISTINCT event FROM daily ORDER BY event").fetchall()
    return con, [event for (event,) in found]


def _columns(con, query, names):
    found = con.execute(query).fetchnumpy()
    return np.column_stack([np.ma.filled(found[n], 0).astype(float) for n in names])


def duckdb_join(path):
    """Join every date with the days of its widest window, and filtered aggregates."""
    con, events = _connected(path)
    names, parts = [], []
    for event in events:
        for days in WINDOWS:
            inside = f"FILTER (event = '{event}' AND day >= as_of - {days})"
            for what in ("n", "s"):
                names.append(f"f{len(names)}")
                parts.append(f"sum({what}) {inside} AS {names[-1]}")
    query = f"""
    SELECT a.account_id, a.as_of, {", ".join(parts)} FROM asked a LEFT JOIN daily d
    ON d.account_id = a.account_id AND d.day < a.as_of AND d.day >= a.as_of - 180
    GROUP BY a.account_id, a.as_of ORDER BY a.account_id, a.as_of"""
    with con:
        return _columns(con, query, names)


def duckdb_asof(path):
    """Running sums, and one ASOF join for each edge of a window."""
    con, events = _connected(path)
    columns = "account_id, event, day"
    con.execute(f"""CREATE TEMP TABLE running AS SELECT {columns},
      sum(n) OVER past AS n, sum(s) OVER past AS s FROM daily
      WINDOW past AS (PARTITION BY account_id, event ORDER BY day)""")
    con.execute(
        "CREATE TEMP TABLE wanted AS SELECT account_id, as_of, event FROM asked,"
        " (SELECT DISTINCT event FROM daily)"
    )
    joins = "".join(
        f" ASOF LEFT JOIN running r{days} ON r{days}.account_id = w.account_id"
        f" AND r{days}.event = w.event AND w.as_of - {days + 1} >= r{days}.day"
        for days in (0, *WINDOWS)
    )
    names, parts = [], []
    for days in WINDOWS:
        for what in ("n", "s"):
            names.append(f"f{len(names)}")
            now, before = f"coalesce(r0.{what}, 0)", f"coalesce(r{days}.{what}, 0)"
            parts.append(f"{now} - {before} AS {names[-1]}")
    query = (
        f"SELECT {', '.join(parts)} FROM wanted w{joins}"
        " ORDER BY w.account_id, w.event, w.as_of"
    )
    with con:
        flat = _columns(con, query, names)
    shape = (-1, len(events), len(AS_OF), len(WINDOWS), 2)
    return _table(flat.reshape(shape))


def pandas(path):
    """Add up by day, running sums, one `merge_asof` for each edge of a window."""
    import pandas as pd

    raw = pd.read_parquet(
        path, columns=["account_id", "happened_at", "event", "amount"]
    )
    raw["day"] = raw["happened_at"].dt.normalize().astype("datetime64[us]")
    keys = ["account_id", "event"]
    daily = raw.groupby([*keys, "day"], sort=True)["amount"].agg(["size", "sum"])
    daily = daily.groupby(level=keys, sort=False).cumsum().reset_index()
    daily = daily.sort_values("day", kind="stable")
    accounts, events = (np.sort(daily[key].unique()) for key in keys)
    dates = pd.to_datetime(AS_OF).astype("datetime64[us]")
    asked = pd.MultiIndex.from_product(
        [accounts, events, dates], names=[*keys, "as_of"]
    ).to_frame(index=False)
    edges = {}
    for days in (0, *WINDOWS):
        edge = asked.assign(day=asked["as_of"] - pd.Timedelta(days=days + 1))
        edge["row"] = np.arange(len(edge))
        edge = edge.sort_values("day", kind="stable")
        found = pd.merge_asof(edge, daily, on="day", by=keys)
        found = found.sort_values("row")[["size", "sum"]]
        edges[days] = found.fillna(0).to_numpy()
    shape = (len(accounts), len(events), len(dates), 2)
    windows = [(edges[0] - edges[w]).reshape(shape) for w in WINDOWS]
    return _table(np.stack(windows, axis=3))
