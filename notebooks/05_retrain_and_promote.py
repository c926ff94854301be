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
# # Retrain and promote
#
# New data arrive, a challenger is trained, the gate compares it with the champion on the same folds, and the pointer moves or stays.

# %%
import tempfile
from pathlib import Path

import pandas as pd

import churnhealth as ch

models = Path(tempfile.mkdtemp()) / "models"
data = ch.simulate_company(accounts=600, seed=11)
data

# %% [markdown]
# ## The first model: last spring's data, a simple ladder

# %%
simple = {"ladder": ["constant", "rules", "logistic"]}
first = data.train(as_of="2025-06-01", model=simple)
folder = first.save(models / first.version)
decision = first.promote(data, folder, models=models)
decision["promoted"], decision["reasons"]

# %% [markdown]
# The gate says no as long as a model is not better than the rule beyond noise, and gives every reason. That is not a failure of the
# gate: with few outcomes, a rule that somebody wrote is hard to beat, and it is the honest answer.
#
# ## New data arrive: has the world moved?
#
# The churn rate of the training rows, year by year, says whether the level drifts.

# %%
training = data.training_set()
labelled = training.y.reset_index()
labelled.groupby(labelled["as_of"].dt.year)["churned"].agg(["mean", "size"])

# %% [markdown]
# ## The challenger

# %%
challenger = data.train()
challenger

# %%
folder = challenger.save(models / challenger.version)
decision = challenger.promote(data, folder, models=models)
decision["promoted"], decision["reasons"]

# %% [markdown]
# ## Side by side
#
# The log loss of a backtest is of its own test period, so those of two models say little beside each other. The gate compares on the
# same rows: the challenger with the champion, or, as long as there is none, with the rule and the constant.
# When `[tracking] uri` is set, MLflow has both models side by side: every `churnhealth train` is a run with its data digest,
# configuration, folds, metrics, plots and the bundle, and the alias `champion` follows the local pointer.

# %%
pd.DataFrame(decision.get("evidence", {}).get("against", {})).T

# %%
challenger.plot("bands")

# %% [markdown]
# ## Rollback
#
# `churnhealth rollback --models models` makes the champion before this one champion again, in one step; `churnhealth models` lists
# them with the journal of what was done and why. A saved model loads by its folder, verified by its hashes:

# %%
again = ch.load_model(folder)
again.version == challenger.version
