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
# # Your data
#
# What a company gives us, how it is read, and what is wrong with it. Here the company is simulated, so that everything runs; put your own
# frames in its place.

# %%
import pandas as pd

import churnhealth as ch

pd.set_option("display.max_colwidth", None)  # whole sentences in tables
data = ch.simulate_company(accounts=300)
data

# %% [markdown]
# ## From your own frames
#
# Only contracts with `account_id` and `start` are required; `end` is the agreed end, the renewal date. Rename your columns to ours, and that is all.

# %%
contracts = pd.DataFrame(
    {
        "customer": ["a1", "a1", "a2"],
        "from": pd.to_datetime(["2023-01-01", "2024-01-01", "2023-06-01"]),
        "to": pd.to_datetime(["2024-01-01", "2025-01-01", "2024-06-01"]),
        "mrr": [900.0, 990.0, 250.0],
    }
)
logins = pd.DataFrame(
    {
        "customer": ["a1", "a1", "a2"],
        "ts": pd.to_datetime(
            ["2024-02-01 08:00", "2024-02-02 09:30", "2024-03-05 17:00"]
        ),
    }
)
names = {"customer": "account_id", "from": "start", "to": "end", "mrr": "value"}
mine = ch.company_data(
    contracts=contracts.rename(columns=names),
    events={"logins": logins.rename(columns={**names, "ts": "happened_at"})},
)
mine

# %% [markdown]
# ## What is wrong with it
#
# Each finding has a code, a count, one example, and how to mend it. Those that would make a result wrong stop training.

# %%
findings = data.check()
findings[["code", "severity", "stops", "count", "what"]].head(10)

# %%
mine.check()[["code", "severity", "stops", "what", "fix"]]

# %% [markdown]
# A duplicate, a date in the future, a gap in the deliveries: it is told here, before a model is built on it.
# `docs/findings.md` explains every code; what you accept goes into `check={"allow": ["CH201"]}` and is kept with the model.
