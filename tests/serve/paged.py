"""A small book as the archive has it, with one text wherever people can write."""

from dataclasses import replace
from datetime import date

import numpy as np
from tests.pages.test_desk import book_of

from churnhealth.archive.runs import write_scores
from churnhealth.bundle import load_bundle
from churnhealth.serve.live import Live, make_serving

DAY = date(2025, 12, 1)
REPORT = {
    "verdict": {"skill": True, "chosen": "blend", "reasons": ["it does"]},
    "folds": [{"test_from": "2025-01-01", "test_to": "2025-06-01",
               "train_to": "2024-10-01", "outcomes_train": 29, "positives_train": 51,
               "outcomes_test": 31, "positives_test": 53}],
    "bands": [{"band": "green", "low": 0.0, "high": 0.02, "n": 90, "predicted": 0.01,
               "observed": 0.05, "interval": [0.03, 0.08], "kept": False}],
    "lead_time": [{"days_before": 90, "churners": 41, "red_or_orange": 33, "green": 2,
                   "false_alarm_rate": 0.1}],
    "scorers": {
        name: {"name": "blend", "auc": 0.7, "log_loss": 0.12, "calibration_slope": None,
               "log_loss_gain_over_constant": 0.01, "gain_interval": [0.0, 0.02],
               "predicted_over_observed": 0.9}
        for name in ("constant", "chosen")
    },
    "leaky": {"auc": 0.96, "how": "random split"},
    "slices": {
        "recurring_loss": [{"quarter": "2025-Q1", "accounts": 9, "expected": 10.0,
                            "range": [1.0, 20.0], "actual": 8.0, "inside": True}],
        "agreement": [{"model_alarm": True, "rules_alarm": False, "n": 9,
                       "observed": 0.1, "outcomes": 1}],
        "reliability": [{"by": "segment", "slice": "small", "predicted": 0.01,
                         "observed": 0.1, "n": 90, "holds": False,
                         "interval": [0.04, 0.17]}],
        "starts": [{"started": "2023-Q4", "accounts": 12, "churned": 3,
                    "predicted": 0.2, "observed": 0.25}],
        "new_terms": [{"term_months": 3, "n": 7}],
        "unread": ["surveys"],
    },
}  # fmt: skip
CARD = {
    "backtest": REPORT,
    "bands": REPORT["bands"],
    "verdict": REPORT["verdict"],
    "question": {"kind": "renewal"},
    "trained_on": {"accounts": 90, "snapshots": 900, "outcomes": 30,
                   "from": "2023-01-01", "to": "2024-10-01"},
    "drivers": [{"label": "Logins", "category": "usage", "direction": -0.5,
                 "share": 0.2, "share_range": [0.1, 0.3], "contradicts": True}],
    "findings": [{"severity": "warning"}],
}  # fmt: skip


def text_table(ids, **columns):
    return {
        "account_id": np.array(ids, dtype=object),
        **{k: np.array(v, dtype=object) for k, v in columns.items()},
    }


def days(n, text="2025-11-01"):
    return np.full(n, np.datetime64(text, "D"), "datetime64[D]")


def served(bundle_folder, folder, text):
    """Serve a book in which ``text`` stands wherever a business can write."""
    n = 6
    changed = {
        name: np.array([text] * n, dtype=object)
        for name in ("name", "owner", "segment", "top_driver")
    }
    book = book_of(n, as_of=DAY, **changed)
    for name in ("label", "sentence"):
        book.drivers[name] = np.array([text] * len(book.drivers[name]), dtype=object)
    ids = book.scores["account_id"].tolist()
    nothing = np.full(n, np.nan)
    beside = {
        "profile": text_table(ids, stage=[text] * n, plan=[text] * n)
        | {"customer_since": days(n), "renewals": nothing},
        "usage": text_table(ids, source=[text] * n, event=[text] * n,
                            category=["usage"] * n)
        | {f"w{i:02d}": np.arange(n, dtype=float) for i in range(1, 27)},
        "records": text_table(ids, source=[text] * n, what=[text] * n,
                              category=["usage"] * n)
        | {"happened_at": days(n), "ended_at": days(n, "NaT"),
           "endable": np.ones(n, bool), "amount": nothing, "value": nothing},
        "people": text_table(ids, person=[text] * n, source=[text] * n)
        | {"last_seen": days(n), "days_now": np.zeros(n, int),
           "days_before": np.ones(n, int), "silent": np.ones(n, bool)},
        "tasks": text_table(ids, playbook=["call"] * n, do=[text] * n,
                            because=[text] * n, name=[text] * n, owner=[text] * n,
                            band=["red"] * n)
        | {"begun_on": days(n), "due_on": days(n), "expected_loss": nothing,
           "renewal_date": days(n)},
        "contracts": text_table(ids, plan=[text] * n)
        | {"start": days(n), "end": days(n, "2026-11-01"),
           "cancelled_at": days(n, "NaT"), "value": np.ones(n), "seats": np.ones(n),
           "term_months": np.full(n, 12.0)},
    }  # fmt: skip
    about = {"company": text, "as_of": str(DAY), "sources": [], "retention": []}
    write_scores(book, folder, as_of=DAY, beside=beside, about=about)
    card = {**CARD, "company": text, "drivers": [{**CARD["drivers"][0], "label": text}]}
    bundle = replace(load_bundle(bundle_folder), card=card)
    live = Live(serving=make_serving(bundle, scores=folder))
    return live, [i for i, s in zip(ids, book.scores["status"], strict=True)
                  if s == "scored"]  # fmt: skip
