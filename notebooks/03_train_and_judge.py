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
# # Train and judge
#
# Every scorer learns on the past and is judged on later time. Nothing is chosen on the test rows.

# %%
import churnhealth as ch

data = ch.simulate_company(accounts=400)
result = data.backtest()
result

# %% [markdown]
# ## The folds

# %%
result.plot("folds")

# %% [markdown]
# ## The ladder
#
# From the churn rate alone up to boosted trees and their blend. A figure without its interval says little.

# %%
result.scorers.round(3)

# %%
result.plot("scorers")

# %% [markdown]
# ## Is a probability what it says?

# %%
result.plot("calibration")

# %% [markdown]
# ## Does every colour keep its promise?

# %%
result.bands[["band", "low", "high", "n", "observed", "interval", "kept"]]

# %%
result.plot("bands")

# %% [markdown]
# ## How early would it have been seen?

# %%
result.plot("lead_time")

# %%
result.plot("lift")

# %% [markdown]
# ## Honest against leaky
#
# A random split with one global cut-off sees the future of its own test rows. This is what it would have claimed:

# %%
honest = result.scorers.loc["chosen", "auc"]
leaky = result.report["leaky"]["auc"]
print(f"honest AUC {honest:.3f}, claimed by cheating {leaky:.3f}")

# %% [markdown]
# ## What would more data be worth?

# %%
result.learning_curve()[["outcomes", "chosen", "gain", "interval"]]
