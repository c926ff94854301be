"""The made company judged by a short ladder, for each question."""

from tests.made import RENEWAL, SILENCE, settings

from churnhealth.config import Model
from churnhealth.evaluate.backtest import backtest, fold_plan
from churnhealth.pipeline import scorer_makers

FAST = Model(ladder=("constant", "recency", "calendar", "rules", "logistic"))
SIMPLE = Model(ladder=("constant", "rules"))
QUESTIONS = {"horizon": None, "renewal": RENEWAL, "silence": SILENCE}


def configured(kind="horizon", **sections):
    question = QUESTIONS[kind]
    asked = {} if question is None else {"question": question}
    return settings(**asked, **sections).model_copy(update={"model": FAST})


def judged_by(config, seen):
    makers = scorer_makers(config, seen.specs)
    folds = fold_plan(seen, config)
    alone = config.backtest.disjoint_groups
    return backtest(seen, folds, makers, disjoint_groups=alone)
