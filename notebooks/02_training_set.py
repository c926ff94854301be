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
# # The training set
#
# One row per account and day it was looked at. Features read only what was known before that day; labels say what happened after it.

# %%
import churnhealth as ch

data = ch.simulate_company(accounts=300)
data.config.question

# %% [markdown]
# The question here: of those covered on a day, whose cover ends for good within the next 90 days?

# %%
training = data.training_set()
training

# %% [markdown]
# ## Who was looked at, and what became of them
#
# `known_on` is the day a label closes. A model judged on an earlier day must not see it.

# %%
rows = training.rows
rows.groupby("label").size()

# %%
rows[rows["label"] == "churned"].head()

# %% [markdown]
# ## Why is a row censored?
#
# If the outcome window or the gap after it ends behind the data, nobody can know yet. Such rows are scored but never learned from: files
# that stop must not read as churn. The table above ends where the last outcome is known; ask for later days, and their rows are censored.
# The longer the window, the more of them.

# %%
later = data.training_set(snapshots={"until": "2025-12-01"})
longer = data.training_set(
    question={"kind": "horizon", "horizon_days": 365}, snapshots={"until": "2025-12-01"}
)
[part.rows["label"].value_counts().to_dict() for part in (later, longer)]

# %% [markdown]
# ## Features of one account, by hand
#
# The distinct users of the 28 days before, counted from the raw rows, is what the table says.

# %%
name = "product__all__active_users__28d"
account, day = training.X.index[-1]
said = training.X.loc[(account, day), name]
log = next(log for log in data.history.events if log.name == "product")
place = data.history.accounts.ids.tolist().index(account)
today = int((day - type(day)(1970, 1, 1)).days)
mine = (log.account == place) & (log.happened_at < today) & (log.known_at < today)
mine &= (log.happened_at >= today - 28) & (log.user >= 0)
counted = len(set(log.user[mine].tolist()))
said, counted

# %%
assert said == counted

# %% [markdown]
# ## What the columns measure

# %%
training.features.sample(8, random_state=1)[["label", "category", "unit", "actionable"]]
