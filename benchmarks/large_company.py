"""A simulated company that is too large to draw at once: many drawn apart, as one.

Accounts of part ``k`` have ids that begin with ``k-``; every table becomes a folder of
Parquet files, one for each part.
"""

import tempfile
from pathlib import Path

import duckdb
import numpy as np

from churnhealth.simulated.company import simulate, write_company

PART = 5_000  # accounts drawn at once: two gigabytes


class LargeCompany:
    """Parts on disk, and the truth about them, which is drawn again when asked for."""

    def __init__(self, *, accounts, seed):
        self.seeds = range(seed, seed + accounts // PART)
        self.truth = self

    def write(self, folder):
        for k, seed in enumerate(self.seeds):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                company = simulate(accounts=PART, seed=seed)
                write_company(company, Path(place), file_format="parquet")
                for table in Path(place).glob("*.parquet"):
                    part = folder / table.stem / f"{k:03d}.parquet"
                    part.parent.mkdir(exist_ok=True)
                    copy_prefixed(table, part, prefix=f"{k}-")

    def churn_probability(self, ids, days, **asked):
        part, own = zip(*(i.split("-", 1) for i in ids), strict=True)
        part, own = np.array(part, int), np.array(own, object)
        days, found = np.array(days, object), np.full(len(ids), np.nan)
        for k, seed in enumerate(self.seeds):
            mine = np.flatnonzero(part == k)
            truth = simulate(accounts=PART, seed=seed).truth
            found[mine] = truth.churn_probability(own[mine], days[mine], **asked)
        return found


def copy_prefixed(source, target, *, prefix):
    """Copy a table; every id in it begins with ``prefix``."""
    with duckdb.connect() as con:
        columns = [row[0] for row in con.sql(f"DESCRIBE FROM '{source}'").fetchall()]
        ids = [c for c in columns if c == "id" or c.endswith("_id")]
        changed = ", ".join(f"'{prefix}' || {c} AS {c}" for c in ids)
        con.sql(f"FROM '{source}' SELECT * REPLACE ({changed})").write_parquet(
            str(target)
        )
