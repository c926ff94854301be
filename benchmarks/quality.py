"""Every scorer on five real sets, beside peers given the same rows and the same time.

For each set: log loss, AUC and calibration of every rung and of the chosen one on the
test period of its example, the promises of the colours (rolling origins as well), and
FLAML with our feature table, our training rows and our training time (half a minute at
least), split by time and split by account. On CDNOW also BG/NBD and an untuned
LightGBM, with the paired interval of our gain by account. Peers never see a test row.

    python benchmarks/quality.py --set crm5        # our scorers on one set
    python benchmarks/quality.py --peers crm5      # then its peers
    python benchmarks/quality.py --simulated 300 --seeds 20
    python benchmarks/quality.py --tune crm5 300-0 # a search of settings, gain or cost
    python benchmarks/quality.py --page            # what is new into the page

Figures are kept in build/quality; `--page` takes them over, part by part, into
docs/quality.json, of which the page is made. Real data is expected in shared/data.
"""

import argparse
import contextlib
import json
import os
import resource
import tempfile
import time
import warnings
from datetime import UTC, date, datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import orjson
from large_company import LargeCompany
from peers_quality import bg_nbd, flaml_search, untuned_lightgbm
from quality_page import page

from churnhealth.config import read_config
from churnhealth.evaluate.backtest import backtest, fold_plan, training_rows
from churnhealth.evaluate.makers import scorer_makers
from churnhealth.evaluate.metrics import (
    auc,
    calibration_slope,
    log_loss,
    log_losses,
    predicted_over_observed,
)
from churnhealth.evaluate.report import backtest_report
from churnhealth.evaluate.tuning import Budget, tuned
from churnhealth.gathering import gather
from churnhealth.health.draws import account_draws
from churnhealth.pipeline import build_panel, judge
from churnhealth.progress import Progress
from churnhealth.simulated.company import simulate, write_company
from churnhealth.snapshots.labels import YES
from churnhealth.sources.contract import date_of
from churnhealth.sources.load import load

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "quality"
MEASURED = ROOT / "docs" / "quality.json"
SETS = ("crm5", "openstack", "cdnow", "oulad", "ravenstack")
ROLLING = ("crm5", "openstack")  # a model per test date takes minutes
LEAST_SECONDS = 30.0
FIRST_SEED = 9000
LARGE = 10_000  # accounts; more are drawn in parts
PART_SEED = 5000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=SETS, nargs="*", default=[])
    parser.add_argument("--simulated", type=int, nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--peers", choices=SETS, nargs="*", default=[])
    parser.add_argument("--most-seconds", type=float, default=np.inf, help="of a peer")
    parser.add_argument("--tune", nargs="*", default=[], help="crm5, or accounts-seed")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--no-flaml", action="store_true", help="the quick peers")
    parser.add_argument("--page", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")  # the peers' own
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in given.set:
        keep(name, real_set(name))
    for name in given.peers:
        keep(name, beside(name, search=not given.no_flaml, most=given.most_seconds))
    for name in given.tune:
        keep(f"tune-{name}", with_search(name, trials=given.trials))
    for accounts in given.simulated:
        for seed in range(given.seeds):
            name = f"simulated-{accounts}-{seed}"
            if not (KEPT / f"{name}.json").exists():
                keep(name, simulated(accounts, seed=FIRST_SEED + seed))
    if given.page:
        newly = {p.stem: json.loads(p.read_text()) for p in KEPT.glob("*.json")}
        measured = sorted({**json.loads(MEASURED.read_bytes()), **newly}.items())
        # a line for each part, null for NaN
        lines = [orjson.dumps({name: found})[1:-1] for name, found in measured]
        MEASURED.write_bytes(b"{\n" + b",\n".join(lines) + b"\n}\n")
        text = page(json.loads(MEASURED.read_bytes()))
        (ROOT / "docs" / "quality.md").write_text(text, encoding="utf-8")


def keep(name, found):
    found["machine"] = {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1),
        "on": datetime.now(UTC).date().isoformat(),
    }
    (KEPT / f"{name}.json").write_text(json.dumps(found, indent=1))
    print(name, json.dumps(found)[:3000], flush=True)


def panel_of(name):
    config = read_config(ROOT / "examples" / f"{name}.toml")
    with Progress() as progress:
        loaded, _ = gather(config, today=date(2026, 1, 1), progress=progress)
        return config, build_panel(config, loaded.history, progress=progress)


def real_set(name):
    """Judge every rung of ours; keep what the chosen one said for the peers' turn."""
    config, panel = panel_of(name)
    with Progress() as progress:
        began = time.perf_counter()
        judged, report = judge(config, panel, progress=progress, leaky=False)
        took = time.perf_counter() - began
    np.savez(KEPT / f"chosen-{name}.npz", p=judged.p["chosen"], row=judged.row)
    found = {
        "fold": report["folds"][0],
        "seconds": took,
        "chosen": judged.chosen,
        "scorers": {n: told(p, judged.y) for n, p in judged.p.items()},
        "bands": report["bands"],
        "cuts": report["cuts"],
        "gain_interval": report["scorers"]["chosen"]["gain_interval"],
        "skill": report["verdict"]["skill"],
        "disjoint": report["group_disjoint"],
    }
    if name in ROLLING:
        found["rolling"] = rolling(config, panel)
    return found


def told(p, y):
    return {
        "log_loss": log_loss(p, y),
        "auc": auc(p, y),
        "slope": calibration_slope(p, y),
        "ratio": predicted_over_observed(p, y),
    }


def rolling(config, panel):
    """Give the promises of every fold of its own: a model for each test date."""
    rolled = config.model_copy(
        update={"backtest": config.backtest.model_copy(update={"origins": "each"})}
    )
    makers = scorer_makers(config, panel.specs)
    told_of = []
    for fold in fold_plan(panel, rolled):
        one = backtest(panel, [fold], makers, disjoint_groups=False)
        report = backtest_report(one, panel, config, leaky=None, shuffled=None)
        said = {part: report[part] for part in ("bands", "cuts")}
        told_of.append({"from": str(date_of(fold.test_from)), **said})
    return told_of


def beside(name, *, search, most):
    """Score the peers once on our test rows; give their figures and our paired gain."""
    config, panel = panel_of(name)
    found = json.loads((KEPT / f"{name}.json").read_text())
    ours = np.load(KEPT / f"chosen-{name}.npz")
    fold = fold_plan(panel, config)[0]
    rows, _ = training_rows(panel, fold.judged_at)
    row, asked = ours["row"], panel.X[ours["row"]]
    y = (panel.labels().code[row] == YES).astype(int)
    account = panel.cohort.account[row]
    budget = min(max(LEAST_SECONDS, found["seconds"]), most)
    found["peer_seconds"] = budget
    digest = sha256(rows.X.tobytes() + asked.tobytes()).hexdigest()[:16]
    p = {}
    for how in ("time", "account") if search else ():
        searched = KEPT / f"flaml-{name}-{how}-{digest}.npy"
        if not searched.exists():  # minutes: searched again only when the rows change
            np.save(searched, flaml_search(rows, asked, how=how, seconds=budget))
        p[f"FLAML, split by {how}"] = np.load(searched)
    if name == "cdnow":
        p["LightGBM, untuned"] = untuned_lightgbm(rows, asked)
        p["BG/NBD"] = bg_nbd(
            panel.history.events[0],
            known_before=fold.judged_at,
            account=account,
            as_of=panel.cohort.as_of[row],
            days=panel.question.horizon_days,
        )
    draws = account_draws(account, seed=1, samples=1000)
    found["peers"], found["peers_on"] = {}, datetime.now(UTC).date().isoformat()
    for peer, theirs in p.items():
        gain = log_losses(theirs, y) - log_losses(ours["p"], y)
        both = np.column_stack([gain, np.ones_like(gain)])
        interval = draws.interval(both, lambda s: s[:, 0] / s[:, 1])
        found["peers"][peer] = {
            **told(theirs, y),
            "our_gain": float(gain.mean()),
            "interval": list(interval),
        }
    return found


@contextlib.contextmanager
def company_panel(accounts, *, seed):
    """Make a fresh simulated company and the features of its snapshots."""
    with tempfile.TemporaryDirectory(dir=KEPT) as place, Progress() as progress:
        folder = Path(place)
        (folder / "data").mkdir()
        if accounts > LARGE:
            first = PART_SEED + 100 * (seed - FIRST_SEED)
            company, ending = LargeCompany(accounts=accounts, seed=first), "/*.parquet"
            company.write(folder / "data")
        else:
            company, ending = simulate(accounts=accounts, seed=seed), ".parquet"
            write_company(company, folder / "data", file_format="parquet")
        for name in ("demo.toml", "rules-simulated.toml"):
            text = files("churnhealth").joinpath(name).read_text(encoding="utf-8")
            text = text.replace(".csv", ending)
            (folder / name).write_text(text, encoding="utf-8")
        config = read_config(folder / "demo.toml")
        began = time.perf_counter()
        history = load(config).history
        panel = build_panel(config, history, progress=progress)
        took = time.perf_counter() - began
        yield company, config, panel, took  # its scorecard is read from the folder


def simulated(accounts, *, seed):
    """Judge a fresh simulated company beside its true hazard; time and memory too."""
    with company_panel(accounts, seed=seed) as made, Progress() as progress:
        company, config, panel, features_took = made
        began = time.perf_counter()
        judged, report = judge(config, panel, progress=progress, leaky=False)
        took = time.perf_counter() - began
    history = panel.history
    truth = company.truth.churn_probability(
        [history.accounts.ids[a] for a in judged.account],
        [date_of(day) for day in judged.as_of],
        lead_days=config.question.lead_days,
        horizon_days=config.question.horizon_days,
    )
    known = np.isfinite(truth)
    y = judged.y[known]
    scorers = {n: told(p[known], y) for n, p in judged.p.items()}
    return {
        "accounts": accounts,
        "fold": report["folds"][0],
        "chosen": judged.chosen,
        "scorers": scorers,
        "truth": told(truth[known], y),
        "bands": report["bands"],
        "cuts": report["cuts"],
        "skill": report["verdict"]["skill"],
        "seconds_features": features_took,
        "seconds": took,
        "snapshots": int(panel.cohort.account.size),
        "features": len(panel.specs),
    }


def with_search(name, *, trials):
    """Judge the chosen rung on later time with and without a search of settings."""
    if name in SETS:
        return searched(*panel_of(name), trials=trials)
    accounts, seed = map(int, name.split("-"))
    with company_panel(accounts, seed=FIRST_SEED + seed) as (_, config, panel, _):
        return searched(config, panel, trials=trials)


def searched(config, panel, *, trials):
    began = time.perf_counter()
    changed, search = tuned(config, panel, Budget(trials=trials))
    took = time.perf_counter() - began
    with Progress() as progress:
        usual, _ = judge(config, panel, progress=progress, leaky=False)
        after = usual
        if search["settings"]:
            after, _ = judge(changed, panel, progress=progress, leaky=False)
    y, before, found = usual.y, usual.p["chosen"], after.p["chosen"]
    gain = log_losses(before, y) - log_losses(found, y)
    both = np.column_stack([gain, np.ones_like(gain)])
    draws = account_draws(usual.account, seed=1, samples=1000)
    return {
        **{
            k: search.get(k) for k in ("tried", "settings", "gain", "gain_error", "why")
        },
        "seconds": took,
        "without": told(before, y),
        "with": told(found, y),
        "interval": list(draws.interval(both, lambda s: s[:, 0] / s[:, 1])),
    }


if __name__ == "__main__":
    main()
