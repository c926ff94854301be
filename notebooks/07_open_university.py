# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Real data: who withdraws from a course?
#
# The Open University's learning analytics data (Kuzilek, Hlosta, Zdrahal 2017, doi 10.1038/sdata.2017.171, CC BY 4.0): 16,628
# enrolments, 4.1 million clicks. Each week: which enrolled student withdraws within the next seven days? The configuration
# expects the files in `../../shared/data/oulad` beside the repository.

# %%
from datetime import date
from pathlib import Path

import pandas as pd

import churnhealth as ch

pd.set_option("display.max_colwidth", None)  # whole sentences in tables
example = next(
    folder / "examples" / "oulad.toml"
    for folder in [Path.cwd(), *Path.cwd().parents]
    if (folder / "examples" / "oulad.toml").is_file()
)
data = ch.read_company(example, today=date(2026, 1, 1))
data

# %% [markdown]
# Clicks are dated after a withdrawal, some students sit in several courses, and whole rows repeat without being wrong: the findings
# say so before anything is learned.

# %%
data.check()[["code", "severity", "stops", "count", "what"]].head(8)

# %% [markdown]
# The cheap rungs of the ladder on every fourth week, so that it ends in a minute; leave `model` and `snapshots` out for all of
# them on every week.

# %%
result = data.backtest(
    model={"ladder": ["constant", "recency", "rules", "logistic"]},
    snapshots={"every": 28},
)
result

# %%
result.bands[["band", "n", "low", "high", "observed", "kept"]]

# %%
result.plot("calibration")

# %% [markdown]
# The same student may sit in several courses. Kept apart by person, the figure hardly moves:

# %%
result.report["group_disjoint"]["auc"], result.scorers.loc["chosen", "auc"]
