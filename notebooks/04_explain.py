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
# # Explain
#
# Drivers add up exactly to the score: of one account, of a segment, between two dates.

# %%
import matplotlib.pyplot as plt
import shap

import churnhealth as ch

data = ch.simulate_company(accounts=400)
model = data.train()
model

# %% [markdown]
# ## All accounts: what moves the scores, and which way

# %%
model.plot("drivers")

# %%
model.drivers[["label", "share", "share_range", "direction", "contradicts"]].head(8)

# %% [markdown]
# ## A segment

# %%
by_segment = model.drivers.set_index("label")["segments"].apply(dict).head(5)
by_segment.apply(lambda shares: {name: round(part, 3) for name, part in shares.items()})

# %% [markdown]
# ## One account, in words

# %%
scores = model.score(data)
scored = scores[scores["status"] == "scored"]
riskiest = scored.sort_values("churn_probability").iloc[-1]["account_id"]
why = model.explain(data, riskiest, since="2025-11-01", suggest=True)
why

# %%
print(why.text)

# %%
total = why.drivers["effect_points"].sum()
base = why.told["score"]["base_probability"]
assert abs(total - 100 * (why.churn_probability - base)) < 1e-9

# %% [markdown]
# ## What changed since November

# %%
why.changes[["sentence", "effect_points"]].head()

# %% [markdown]
# ## How its risk went

# %%
model.plot_history(data, riskiest)

# %% [markdown]
# ## Every plot of shap

# %%
told = model.shap(data)
shap.plots.beeswarm(told, max_display=10, show=False)
plt.show()

# %%
shap.plots.waterfall(told[0], max_display=8, show=False)
plt.show()

# %%
shap.plots.bar(told, max_display=8, show=False)
plt.show()

# %%
shap.plots.scatter(told[:, int(abs(told.values).mean(axis=0).argmax())], show=False)
plt.show()
