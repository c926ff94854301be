# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Rules
#
# A scorecard that anyone can read aloud. It is a scorer like any other: judged on the same folds, and part of the blend.

# %%
import tempfile
from pathlib import Path

import churnhealth as ch

data = ch.simulate_company(accounts=400)

# %% [markdown]
# ## Write one
#
# `green` and `red` are thresholds: at `green` a line has all its points, at `red` none, between them half. `docs/rules.md` has all that a
# card can say: stages of life, segments, AND and OR, red flags, worst signal wins.

# %%
card = """
name = "Ours"

[categories]
usage = 50
value = 30
experience = 20

[[stages]]
name = "everyone"

[[stages.measures]]
label = "Seats in use, 4 weeks"
category = "usage"
feature = "product__all__users_share__28d"
green = 0.6
red = 0.3

[[stages.measures]]
label = "Silence"
category = "usage"
feature = "product__all__days_since"
green = 3
red = 21

[[stages.measures]]
label = "Goals met"
category = "value"
feature = "goals_decided__share_of_goals_met__latest"
green = 0.75
red = 0.25

[[stages.measures]]
label = "Support and satisfaction"
category = "experience"
green_when = "surveys__nps__latest >= 8 and tickets__all__open == 0"
red_when = "surveys__nps__latest <= 4 or tickets__all__open >= 4"

[[stages.flags]]
label = "Nobody has used it for four weeks"
when = "product__all__days_since >= 28"
ceiling = 25
"""
path = Path(tempfile.mkdtemp()) / "rules.toml"
_ = path.write_text(card, encoding="utf-8")

# %% [markdown]
# ## Compare it, on later time
#
# `rules` is this card as a scorer (a curve in its points); `blend` gives it a share beside the models.
# The trees, which take most of the time, are left out of this comparison.

# %%
quick = {"ladder": ["constant", "rules", "hazard", "logistic", "blend"]}
written = data.backtest(rules={"card": str(path)}, model=quick)
written.scorers.loc[["rules", "hazard", "logistic", "blend"]].round(4)

# %%
learned = data.backtest(rules={"card": None}, model=quick)
learned.scorers.loc[["rules", "hazard", "logistic", "blend"]].round(4)

# %%
written.plot("scorers")

# %% [markdown]
# ## As a table, and per account in words

# %%
model = data.train(rules={"card": str(path)}, model=quick)
print(model.bundle.rules.table())

# %%
scores = model.score(data)
lowest = scores.sort_values("rules_score").iloc[0]["account_id"]
why = model.explain(data, lowest)
print(why.told["rules"][0])

# %% [markdown]
# ## Where the rule and the model disagree
#
# An account that one calls red and the other green is worth a conversation with somebody who knows it.

# %%
scores.groupby(["rules_band", "band"]).size().unstack(fill_value=0)
