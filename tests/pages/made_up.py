"""A made-up scored portfolio, seeded: what the pages are tested and looked at with."""

import numpy as np

WORDS_A = ("Nord", "Blue", "Quanta", "Elm", "Harbor", "Vista", "Iron", "Clear", "Sol")
WORDS_B = ("wind", "stack", "works", "labs", "field", "bridge", "mark", "path", "well")
ENDINGS = ("AB", "GmbH", "Inc")
OWNERS = ("Ada Berg", "Jonas Klee", "Mina Sato", "Theo Park")
FEATURES = (
    ("Active users, 4 weeks", "usage", "Active users fell from 14 to 8 in the last 4"
     " weeks; similar accounts have 12"),
    ("Logins, 4 weeks", "usage", "48 logins in the last 4 weeks, down from 91"),
    ("Seats used", "value", "31 % of the seats are used; similar accounts use 64 %"),
    ("Goals reached", "value", "1 of 3 goals set at purchase is reached"),
    ("Days since the champion was seen", "usage", "The champion was last seen 61 days"
     " ago"),
    ("Urgent tickets, 90 days", "experience", "5 urgent tickets in the last 90 days"),
    ("NPS", "experience", "The last survey answer was 4 of 10"),
    ("Days to renewal", "contract", "The contract ends in 41 days"),
    ("Discount", "contract", "The discount fell from 20 % to 5 % at the last renewal"),
    ("Term", "contract", "A 12-month term, renewed twice before"),
)  # fmt: skip
COLUMNS = (
    "account_id",
    "feature",
    "label",
    "category",
    "value",
    "own_past",
    "peers_median",
    "effect_log_odds",
    "effect_points",
    "sentence",
)
BANDS = ("green", "yellow", "orange", "red")

CARD = {
    "company": "Example",
    "question": {"kind": "renewal", "lead_max_days": 180},
    "model_version": "2026-01-01-a3f9",
    "bands_version": "2026-01-01-a3f9",
    "base_probability": 0.081,
    "verdict": {
        "skill": True,
        "chosen": "gbm",
        "reasons": ["log loss 11 % under the base rate's on 4 later quarters"],
    },
    "metrics": {"auc": 0.742, "auc_interval": [0.71, 0.774]},
    "trained_on": {"from": "2023-04-01", "to": "2025-06-01", "accounts": 588,
                   "snapshots": 9_214, "outcomes": 143},
    "bands": [
        {"band": "green", "low": 0.0, "high": 0.06, "n": 1204, "predicted": 0.031,
         "observed": 0.028, "interval": [0.019, 0.039], "kept": True},
        {"band": "yellow", "low": 0.06, "high": 0.16, "n": 618, "predicted": 0.1,
         "observed": 0.112, "interval": [0.082, 0.148], "kept": True},
        {"band": "orange", "low": 0.16, "high": 0.28, "n": 207, "predicted": 0.21,
         "observed": 0.198, "interval": [0.141, 0.266], "kept": True},
        {"band": "red", "low": 0.28, "high": 1.0, "n": 96, "predicted": 0.41,
         "observed": 0.26, "interval": [0.17, 0.279], "kept": False},
    ],
}  # fmt: skip


def portfolio(n, *, names=None, drivers=10, seed=4):
    """Scores and drivers of ``n`` made-up accounts whose drivers add up."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-2.6, 1.2, n)
    p = 1 / (1 + np.exp(-z))
    status = np.array(["scored"] * n, dtype=object)
    status[rng.random(n) < 0.06] = "announced"
    status[rng.random(n) < 0.03] = "too_new"
    off = status != "scored"
    band = _bands(p)
    coverage = np.round(1 - rng.beta(1, 9, n), 2)
    coverage[5::40] = 0.41
    band[coverage < 0.5] = "grey"
    value = np.round(np.exp(rng.normal(7, 1, n)) / 10) * 10
    days = rng.integers(3, 179, n)
    as_of = np.datetime64("2026-01-01")
    made = [
        f"{rng.choice(WORDS_A)}{rng.choice(WORDS_B)} {rng.choice(ENDINGS)}"
        for _ in range(n)
    ]
    driver_rows = _drivers(rng, p, drivers, ~off)
    p_shown = np.where(off, np.nan, p)
    scores = {
        "account_id": np.array([f"acc-{i:04d}" for i in range(n)], dtype=object),
        "name": np.array(made if names is None else names, dtype=object),
        "owner": rng.choice(OWNERS, n).astype(object),
        "segment": rng.choice(["small", "mid", "enterprise"], n).astype(object),
        "value": value,
        "as_of": np.full(n, as_of),
        "scored_at": np.full(n, np.datetime64("2026-01-01T04:10:00")),
        "status": status,
        "churn_probability": p_shown,
        "churn_probability_low": p_shown / 3.0,
        "churn_probability_high": np.sqrt(p_shown),
        "health_score": np.where(off, np.nan, np.round(100 - 100 * p**0.5, 1)),
        "band": np.where(off, None, band),
        "previous_band": _bands(1 / (1 + np.exp(-z - rng.normal(0, 0.6, n)))),
        "renewal_date": as_of + days,
        "days_to_renewal": days,
        "expected_loss": p_shown * value * 12,
        **{
            f"health_{c}": np.where(off, None, rng.choice(BANDS, n))
            for c in ("usage", "value", "experience", "contract")
        },
        "rules_score": rng.integers(20, 95, n).astype(float),
        "rules_band": rng.choice(BANDS, n).astype(object),
        "agreement": rng.choice(["same", "one apart", "further"], n).astype(object),
        "coverage": coverage,
        "top_driver": np.array(
            [driver_rows["first"].get(i) for i in range(n)], dtype=object
        ),
        "model_version": np.full(n, "2026-01-01-a3f9", dtype=object),
        "bands_version": np.full(n, "2026-01-01-a3f9", dtype=object),
    }
    driver_rows.pop("first")
    return scores, driver_rows


def _bands(p):
    return np.array(BANDS, dtype=object)[np.searchsorted([0.06, 0.16, 0.28], p)]


def _drivers(rng, p, count, scored):
    columns = {name: [] for name in COLUMNS}
    first = {}
    for i in np.flatnonzero(scored):
        gap = 100 * (p[i] - CARD["base_probability"])
        effect = rng.normal(0, 1 + abs(gap) / 4, count)
        effect += (gap - effect.sum()) / count
        strongest = max(range(count), key=lambda j: effect[j] * (1 if gap > 0 else -1))
        first[int(i)] = FEATURES[strongest % len(FEATURES)][2]
        for j in range(count):
            label, category, sentence = FEATURES[j % len(FEATURES)]
            row = (f"acc-{i:04d}", f"f{j}", label, category, float(rng.integers(0, 60)),
                   round(float(rng.gamma(2, 8)), 1), float(rng.integers(0, 60)),
                   effect[j] / 8, effect[j], sentence)  # fmt: skip
            for name, cell in zip(columns, row, strict=True):
                columns[name].append(cell)
    return {**columns, "first": first}
