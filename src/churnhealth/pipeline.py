"""The whole way: short functions that call the rooms in order."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from churnhealth.bundle import EVERYONE, Bundle
from churnhealth.config import Config
from churnhealth.errors import TrainingError
from churnhealth.evaluate.backtest import Judged, backtest, fold_plan, training_rows
from churnhealth.evaluate.bags import likely_around
from churnhealth.evaluate.choice import choose_specs, idle_patterns
from churnhealth.evaluate.inner import TrainingRows
from churnhealth.evaluate.ladder import Ladder, Rung, climb
from churnhealth.evaluate.leaks import (
    doubts,
    first_of_each,
    leaky_claim,
    shuffled_dates,
)
from churnhealth.evaluate.makers import scorer_makers
from churnhealth.evaluate.panel import Panel, distinct, snapshot_panel
from churnhealth.evaluate.report import backtest_report, refuse_cuts
from churnhealth.evaluate.screen import screen
from churnhealth.evaluate.terms import terms_due, terms_seen
from churnhealth.evaluate.tuning import Budget, tuned
from churnhealth.explain.overall import overall_drivers
from churnhealth.explain.related import related_features
from churnhealth.features.kernel_rows import Recorded
from churnhealth.features.levels import medians, tenths
from churnhealth.features.runtime import feature_table
from churnhealth.gathering import stop_at
from churnhealth.health.bands import BandCuts
from churnhealth.health.drift import drifted
from churnhealth.progress import Progress
from churnhealth.scorers.card import Card
from churnhealth.scorers.rules import RuleScorer
from churnhealth.snapshots.cohort import cohort
from churnhealth.snapshots.labels import data_until
from churnhealth.sources.contract import Flags, Floats, History, Texts, date_of
from churnhealth.sources.findings import Finding
from churnhealth.sources.happened import newest_seen
from churnhealth.sources.load import Loaded
from churnhealth.sources.remapped import quietly_mapped
from churnhealth.sources.schema import schema_of

__all__ = [
    "Trained",
    "build_panel",
    "judge",
    "judged_by",
    "newest_day",
    "scoring_day",
    "train",
]

_FEWEST_PEERS = 20
_QUIET_DAYS = 7  # on which no contract may have moved, though the data go on
_FOLDS_TOLD = 5  # whose models are compared for the stability of drivers


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trained:
    """A bundle, the backtest that judged its like, and the rows behind it."""

    bundle: Bundle
    report: Mapping[str, Any]
    judged: Judged


def newest_day(history: History, config: Config) -> int:
    """Give the first day that sees all the data that outcomes are read from."""
    return data_until(history, config.question) + 1


def scoring_day(history: History, config: Config, *, today: int | None = None) -> int:
    """Give the first day that sees all the data there are.

    Where contracts began after all other rows, up to ``today``, it is the day after
    them, as long as the other sources are not silent for too long to be measured then.
    """
    if config.question.data_until is not None:
        return newest_day(history, config)
    logs = [log for log in history.events if log.account.size and not log.planned]
    day = max(newest_day(history, config) - 1, newest_seen(history) or 0)
    silence = config.question.kind == "inactivity"
    if today is None or history.contracts is None or silence:
        return day + 1
    begun = np.minimum(history.contracts.start, history.contracts.known_at)
    later = int(begun[begun < today].max(initial=day))
    on = np.array([later + 1])
    measured = all(Recorded(log.coverage, on).covers(None)[0] for log in logs)
    return (later if measured else day) + 1


def build_panel(config: Config, history: History, *, progress: Progress) -> Panel:
    """Collect the snapshots in question and compute their features."""
    with progress.stage("snapshots"):
        panel = snapshot_panel(config, history)
        known_before = min(f.judged_at for f in fold_plan(panel, config))
        crowded_out: list[str] = []
        specs = choose_specs(
            config, history, known_before=known_before, crowded_out=crowded_out.extend
        )
    with progress.stage("features", total=panel.cohort.account.size):
        done = 0

        def tell(so_far: int, _: int) -> None:
            nonlocal done
            progress.advance(so_far - done)
            done = so_far

        table = feature_table(
            history,
            specs,
            account=panel.cohort.account,
            as_of=panel.cohort.as_of,
            gap_days=config.question.gap_days,
            progress=tell,
        )
    return replace(
        panel,
        specs=specs,
        X=table.values,
        crowded_out=tuple(crowded_out),
        idle=idle_patterns(config, history),
    )


def judged_by(
    config: Config, panel: Panel, *, card: Card | None = None, progress: Progress
) -> Judged:
    """Judge every scorer of a configuration on its folds, each as known on its day.

    ``card`` replaces the configured scorecard. Raises what ``backtest`` raises.
    """
    makers = scorer_makers(config, panel.specs, card=card)
    folds = fold_plan(panel, config)
    with progress.stage("backtest", total=len(folds) * len(makers) * 4):
        return backtest(
            panel,
            folds,
            makers,
            disjoint_groups=config.backtest.disjoint_groups,
            calibration=config.calibration,
            advance=progress.advance,
        )


def judge(
    config: Config, panel: Panel, *, progress: Progress, leaky: bool = True
) -> tuple[Judged, dict[str, Any]]:
    """Run the backtest: every scorer on the same honest folds, and the report.

    Raises
    ------
    SourceError
        CH150 where a column tells the outcome and is not allowed to; and as
        ``backtest`` does.
    """
    refuse_cuts(config, panel)
    screened = screen(panel)
    stop_at(screened, config)
    judged = judged_by(config, panel, progress=progress)
    with progress.stage("report"):
        claim = leaky_claim(panel, seed=config.model.seed) if leaky else None
        shuffled = shuffled_dates(panel, judged, seed=config.model.seed)
        report = backtest_report(judged, panel, config, leaky=claim, shuffled=shuffled)
        told = (*doubts(panel, judged, shuffled), *first_of_each(screened))
        report["verdict"]["reasons"] += [f"{f.what} ({f.code}): {f.fix}" for f in told]
    return judged, report


def train(
    config: Config,
    loaded: Loaded,
    findings: tuple[Finding, ...],
    *,
    as_of: int | None = None,
    tune: Budget | None = None,
    progress: Progress,
) -> Trained:
    """Judge the scorers on the past, then fit them on all that was known on a day.

    What was judged is what is kept: the scorer that the backtest chose and its cuts.
    With ``tune`` settings are searched first, on what the backtest's first fold knew.

    Raises
    ------
    TrainingError
        CH307 for a day that the data do not reach, and as ``backtest`` does.
    """
    config, history, day = _standing_on(config, loaded.history, as_of)
    panel = build_panel(config, history, progress=progress)
    found = (*findings, *screen(panel))
    search = None
    if tune is not None:
        with progress.stage("tune", total=tune.trials):
            config, search = tuned(config, panel, tune, advance=progress.advance)
    judged, report = judge(config, panel, progress=progress)
    found += tuple(doubts(panel, judged, report["shuffled_dates"]))
    makers = scorer_makers(config, panel.specs)
    with progress.stage("train", total=len(makers) * 4):
        rows, _ = training_rows(panel, day)
        how = config.calibration
        ladder = climb(rows, makers, calibration=how, advance=progress.advance)
    chosen = judged.chosen if judged.chosen in ladder.rungs else ladder.chosen
    best = ladder.rungs[chosen]
    if moved := drifted(best.drift, best.corrected):
        found += (moved,)
    newest = panel.X[_newest(panel, day)]
    similar, segment = _today(panel, day)
    with progress.stage("intervals"):
        likely = likely_around(best, rows, newest, seed=config.model.seed)
    bundle = Bundle(
        as_of=day,
        question=config.question,
        specs=panel.specs,
        schema=schema_of(history, config),
        scorer=best.scorer,
        calibrator=best.calibrator,
        rules=_rules_of(ladder, rows, panel),
        base_rate=ladder.base_rate,
        cuts=BandCuts.from_json(report["cuts"]),
        likely=likely,
        peers=medians(similar),
        segment_peers=_by_segment(similar, segment, medians),
        peer_tenths={
            EVERYONE: tenths(similar),
            **_by_segment(similar, segment, tenths),
        },
        related=tuple(related_features(newest).tolist()),
        skill=bool(report["verdict"]["skill"]),
        card={
            **_card_of(config, loaded, found, report, rows, chosen),
            "base_rate": None if best.drift is None else best.drift.to_json(),
            "tuning": search,
            "drivers": _drivers(panel, day, best, judged, chosen),
            "terms_seen": terms_seen(terms_due(rows.X, panel.names, panel.question)),
        },
    )
    return Trained(bundle=bundle, report=report, judged=judged)


def _rules_of(ladder: Ladder, rows: TrainingRows, panel: Panel) -> RuleScorer:
    """Give the ladder's rules, or learn some: colours are shown beside theirs."""
    rules = ladder.rungs["rules"].scorer if "rules" in ladder.rungs else None
    if isinstance(rules, RuleScorer):
        return rules
    learned = RuleScorer(feature_names=panel.names, specs=panel.specs)
    learned.fit(rows.X, rows.y, rows.account, rows.as_of)
    return learned


def _standing_on(
    config: Config, history: History, as_of: int | None
) -> tuple[Config, History, int]:
    """Cut the history and the question to what was known before a day.

    A few days on which no contract moved, such as a weekend, are no end of the data
    where events go on: the newest day with outcomes is stood on.
    """
    newest = newest_day(history, config)
    silence = config.question.kind == "inactivity"
    granted = 0 if silence else _QUIET_DAYS
    quiet = min(scoring_day(history, config), newest + granted)
    if as_of is None or newest <= as_of <= quiet:
        return config, history, newest
    if as_of > newest:
        raise TrainingError(
            "CH307",
            f"outcomes can be read up to {date_of(newest - 1)}, so no model can be of"
            f" {date_of(as_of)}",
            why="after the files stop nobody renews: everyone would be learned as lost",
            fix=f"leave --as-of out to train as of {date_of(newest)}, or load newer"
            " data",
        )
    pinned = config.question.data_until
    if pinned is not None:
        until = min(pinned, date_of(as_of))
        question = config.question.model_copy(update={"data_until": until})
        config = config.model_copy(update={"question": question})
    return config, history.as_known(as_of), as_of


def _newest(panel: Panel, day: int) -> Flags:
    """Mark the newest cohort before a day: all snapshots of its last four weeks."""
    as_of = panel.cohort.as_of
    last = int(as_of[as_of < day].max())
    return np.asarray((last - 28 < as_of) & (as_of < day))


def _drivers(
    panel: Panel, day: int, best: Rung, judged: Judged, chosen: str
) -> list[dict[str, Any]]:
    """Tell what moves the newest cohort, and how the folds' own models see it."""
    newest = np.flatnonzero(_newest(panel, day))
    X = panel.X[newest]

    def effects(rung: Rung) -> Floats:
        return rung.calibrator.slope * rung.scorer.contributions(X)[:, :-1]

    rungs = [f.ladder.rungs[chosen] for f in judged.folds if chosen in f.ladder.rungs]
    return overall_drivers(
        effects(best),
        panel.specs,
        values=X,
        segment=panel.history.accounts.segment[panel.cohort.account[newest]],
        others=[effects(rung) for rung in rungs[-_FOLDS_TOLD:]],
    )


def _today(panel: Panel, day: int) -> tuple[Floats, Texts]:
    """Measure who is in question on the day of training: whom sentences compare with.

    The newest snapshots with an outcome are months older. Where nobody to speak of is
    in question that day, as after a course has ended, these are taken.
    """
    history, question = panel.history, panel.question
    everyone = np.arange(history.accounts.ids.size)
    days = np.full(everyone.size, day, np.int64)
    rows = cohort(history, question, account=everyone, as_of=days)
    account = rows.account[rows.scored]
    if account.size < _FEWEST_PEERS:
        newest = _newest(panel, day)
        segment = history.accounts.segment[panel.cohort.account[newest]]
        return panel.X[newest], segment
    table = feature_table(
        history,
        panel.specs,
        account=account,
        as_of=np.full(account.size, day, np.int64),
        gap_days=question.gap_days,
    )
    return table.values, history.accounts.segment[account]


def _by_segment(
    X: Floats, segment: Texts, of: Callable[[Floats], Floats]
) -> dict[str, Floats]:
    """Take levels of every segment that has enough accounts to have any."""
    return {
        name: of(X[segment == name])
        for name in sorted({s for s in segment if s})
        if int(np.sum(segment == name)) >= _FEWEST_PEERS
    }


def _card_of(
    config: Config,
    loaded: Loaded,
    findings: tuple[Finding, ...],
    report: Mapping[str, Any],
    rows: TrainingRows,
    chosen: str,
) -> dict[str, Any]:
    """Gather what people are told about a model."""
    packages = ("churnhealth", "duckdb", "lightgbm", "numpy", "scikit-learn")
    return {
        "company": config.company.name,
        "question": config.question.model_dump(mode="json"),
        "trained_on": {
            "from": str(date_of(rows.as_of.min())),
            "to": str(date_of(rows.as_of.max())),
            "accounts": distinct(rows.account),
            "snapshots": int(rows.as_of.size),
            "outcomes": rows.outcomes,
        },
        "chosen": chosen,
        "backtest": {k: v for k, v in report.items() if k != "question"},
        "bands": report["bands"],
        "metrics": report["scorers"]["chosen"],
        "verdict": report["verdict"],
        "findings": [f.to_json() for f in findings],
        "allowed": sorted(config.check.allow),
        "data_digest": loaded.digest,
        "seed": config.model.seed,
        "settings": _settings_of(config),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
    }


def _settings_of(config: Config) -> dict[str, Any]:
    """Keep what a model was made with; never where data or services are."""
    parts = ("snapshots", "features", "model", "calibration", "backtest", "bands")
    return {
        **{name: getattr(config, name).model_dump(mode="json") for name in parts},
        "card": "learned" if config.rules.card is None else "given",
        "mapped": quietly_mapped(config),
    }
