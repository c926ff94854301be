"""The same 64 features by featuretools with cutoff times, in an environment of its own.

python benchmarks/features_featuretools.py EVENTS.parquet ANSWER.npy APART

APART: the days over which accounts' dates are spread; 1 = the same dates for all.
"""

import json
import sys
import time
import warnings
from datetime import date
from itertools import product

import numpy as np
import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import featuretools as ft

WINDOWS = (7, 28, 90, 180)
AS_OF = [date(2024 + (6 + m) // 12, (6 + m) % 12 + 1, 1) for m in range(18)]


def features(path, apart):
    """One call for each window: a window belongs to a call, not to a feature."""
    raw = pd.read_parquet(path).reset_index(names="row")
    accounts, events = (np.sort(raw[key].unique()) for key in ("account_id", "event"))
    es = ft.EntitySet("company")
    es.add_dataframe(
        dataframe_name="events", dataframe=raw, index="row", time_index="happened_at"
    )
    es.normalize_dataframe("events", "accounts", "account_id", make_time_index=False)
    es.add_interesting_values(dataframe_name="events", values={"event": list(events)})
    asked = pd.DataFrame(
        list(product(accounts, pd.to_datetime(AS_OF))), columns=["account_id", "time"]
    )
    own = np.repeat(np.arange(len(accounts)) % apart, len(AS_OF))
    asked["time"] += pd.to_timedelta(own, unit="D")
    # a row at midnight belongs to the date that begins: it is not yet past
    asked["time"] -= pd.Timedelta(microseconds=1)
    tables = []
    for days in WINDOWS:
        table, _ = ft.dfs(
            entityset=es,
            target_dataframe_name="accounts",
            cutoff_time=asked,
            training_window=f"{days} days",
            agg_primitives=["count", "sum"],
            where_primitives=["count", "sum"],
            trans_primitives=[],
            max_depth=1,
            cutoff_time_in_index=True,
        )
        order = pd.MultiIndex.from_frame(asked)
        tables.append(table.reindex(order).fillna(0))
    columns = [
        tables[w][name].to_numpy()
        for event, w in product(events, range(len(WINDOWS)))
        for name in (
            f"COUNT(events WHERE event = {event})",
            f"SUM(events.amount WHERE event = {event})",
        )
    ]
    return np.column_stack(columns).astype(float)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    begun = time.perf_counter()
    values = features(sys.argv[1], int(sys.argv[3]))
    print(json.dumps({"seconds": time.perf_counter() - begun}))
    np.save(sys.argv[2], values)
