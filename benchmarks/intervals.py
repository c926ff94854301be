"""Do the ranges of single accounts hold the true probability as often as they say?

Simulates companies, trains the ladder on each, asks for the range of every account of
the newest cohort, and counts how often the simulator's true probability lies inside:
overall, and in the quarter of the accounts with the highest predictions. Beside it what
the ranges would be worth if they came from the refits alone.

    python benchmarks/intervals.py --accounts 300 600 --seeds 401 402 403 --horizon 90
"""

import argparse
import os
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from statistics import NormalDist

import numpy as np

from churnhealth.config import read_config
from churnhealth.evaluate.backtest import training_rows
from churnhealth.evaluate.bags import bagged_log_odds
from churnhealth.evaluate.ladder import climb
from churnhealth.evaluate.makers import scorer_makers
from churnhealth.health.intervals import LEVEL, likely_range
from churnhealth.pipeline import build_panel, newest_day
from churnhealth.progress import Progress
from churnhealth.scorers.curves import log_odds
from churnhealth.simulated.company import simulate, write_company
from churnhealth.sources.contract import date_of
from churnhealth.sources.load import load


def company_in(folder, accounts, seed, years, horizon):
    """Simulate a company, load it, and give it with its configuration."""
    company = simulate(accounts=accounts, seed=seed, years=years, activity=0.3)
    write_company(company, folder / "data", file_format="parquet")
    for name in ("demo.toml", "rules-simulated.toml"):
        text = files("churnhealth").joinpath(name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(".csv", ".parquet"), encoding="utf-8")
    config = read_config(folder / "demo.toml")
    question = config.question.model_copy(update={"horizon_days": horizon})
    return company, config.model_copy(update={"question": question})


def judged(accounts, seed, years, horizon):
    """Train on a company; give truth, prediction, range and the refits' own range."""
    with tempfile.TemporaryDirectory() as place:
        company, config = company_in(Path(place), accounts, seed, years, horizon)
        history = load(config).history
        with Progress() as progress:
            panel = build_panel(config, history, progress=progress)
        makers = scorer_makers(config, panel.specs)
        day = newest_day(history, config)
        rows, _ = training_rows(panel, day)
        ladder = climb(rows, makers)
    newest = panel.cohort.as_of == panel.cohort.as_of[panel.cohort.as_of < day].max()
    truth = company.truth.churn_probability(
        [history.accounts.ids[a] for a in panel.cohort.account[newest]],
        [date_of(d) for d in panel.cohort.as_of[newest]],
        lead_days=config.question.lead_days,
        horizon_days=horizon,
    )
    known = np.isfinite(truth)
    X, truth = panel.X[newest][known], truth[known]
    p = ladder.best.probability(X)
    began = time.perf_counter()
    bags = bagged_log_odds(ladder.best, rows, X, seed=config.model.seed)
    seconds = time.perf_counter() - began
    found = likely_range(log_odds(p), bags)
    low, high = found.around(log_odds(p))
    off = NormalDist().inv_cdf(0.5 + LEVEL / 2) * bags.std(axis=0, ddof=1)
    alone = np.abs(log_odds(truth) - log_odds(p)) <= off
    inside = (low <= truth) & (truth <= high)
    top = p >= np.quantile(p, 0.75)
    print(
        f"{accounts:>6} accounts, seed {seed}, {rows.outcomes} outcomes,"
        f" {ladder.chosen}: {inside.mean():.3f} inside ({truth.size} accounts;"
        f" {inside[top].mean():.3f} of the highest quarter), refits alone"
        f" {alone.mean():.3f}; median range {np.median(high / low):.1f}-fold;"
        f" spread {found.sampling:.2f} from sampling, {found.unseen:.2f} unseen;"
        f" refits took {seconds:.0f} s",
        flush=True,
    )
    return inside.mean(), inside[top].mean(), alone.mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, nargs="+", default=[300, 600])
    parser.add_argument("--seeds", type=int, nargs="+", default=[401, 402, 403])
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--horizon", type=int, default=90)
    given = parser.parse_args()
    for accounts in given.accounts:
        found = [judged(accounts, s, given.years, given.horizon) for s in given.seeds]
        mean, lowest = np.mean(found, axis=0), np.min(found, axis=0)
        print(
            f"{accounts} accounts, {len(found)} companies: {mean[0]:.3f} inside on"
            f" average (lowest {lowest[0]:.3f}), {mean[1]:.3f} in the highest quarter,"
            f" {mean[2]:.3f} with refits alone; meant {LEVEL}"
        )
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
