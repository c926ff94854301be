"""How near to the best possible ranking: 2,000 simulated accounts over 3 years.

Prints each scorer's AUC beside that of the true hazard on the same test rows (the
newest quarter of the dates), the calibration, and the promises of the bands.

    python benchmarks/simulated.py --accounts 2000 --seed 21
"""

import argparse
import os
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np

from churnhealth.config import read_config
from churnhealth.evaluate.metrics import auc, log_loss
from churnhealth.evaluate.report_text import report_text
from churnhealth.pipeline import build_panel, judge
from churnhealth.progress import Progress
from churnhealth.simulated.company import simulate, write_company
from churnhealth.sources.contract import date_of
from churnhealth.sources.load import load


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=21)
    given = parser.parse_args()
    company = simulate(accounts=given.accounts, seed=given.seed)
    with tempfile.TemporaryDirectory() as place, Progress() as progress:
        folder = Path(place)
        write_company(company, folder / "data", file_format="csv")
        for name in ("demo.toml", "rules-simulated.toml"):
            text = files("churnhealth").joinpath(name).read_text(encoding="utf-8")
            (folder / name).write_text(text, encoding="utf-8")
        config = read_config(folder / "demo.toml")
        history = load(config).history
        panel = build_panel(config, history, progress=progress)
        judged, report = judge(config, panel, progress=progress, leaky=False)
    print(report_text(report))
    question = config.question
    truth = company.truth.churn_probability(
        [history.accounts.ids[a] for a in judged.account],
        [date_of(day) for day in judged.as_of],
        lead_days=question.lead_days,
        horizon_days=question.horizon_days,
    )
    known = np.isfinite(truth)
    best = auc(truth[known], judged.y[known])
    print(f"\nbest possible AUC {best:.3f} on {int(known.sum())} of {known.size} rows")
    print(f"best possible log loss {log_loss(truth[known], judged.y[known]):.4f}")
    for name, p in judged.p.items():
        mine = auc(p[known], judged.y[known])
        print(f"{name:<10} AUC {mine:.3f}  short of the best by {best - mine:.3f}")
    print(f"times: {progress.line()}; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
