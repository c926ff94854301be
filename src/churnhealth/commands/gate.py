"""The verbs of the registry: promote through the gate, roll back, list.

Both bundles are judged on the same later rows. Where a fold begins after
a bundle was trained, it is judged as it is; before that its recipe is (features,
scorer, settings, card), fitted again on what was known when the fold began. So nobody
is asked about rows it has learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from churnhealth.bundle import Bundle, load_bundle, save_bundle
from churnhealth.config import Calibration, Config, Model, Question, Tracking
from churnhealth.errors import BundleError, ChurnHealthError
from churnhealth.evaluate.backtest import Judged
from churnhealth.evaluate.contest import contest
from churnhealth.evaluate.panel import Panel
from churnhealth.features.runtime import feature_table
from churnhealth.folders import refuse_unwritable
from churnhealth.gathering import gather
from churnhealth.health.promises import broken, judged_promises
from churnhealth.pipeline import build_panel, judged_by
from churnhealth.progress import Progress
from churnhealth.registry import (
    JOURNAL,
    Champion,
    crown,
    load_champion,
    note,
    promotions,
    read_champion,
    read_reign,
    step_back,
)
from churnhealth.scorers.card import Card
from churnhealth.sources.contract import Floats, date_of

__all__ = [
    "SEGMENT_TOLERANCE",
    "list_models",
    "models_folder",
    "promote_bundle",
    "roll_back",
    "untracked_settings",
]

SEGMENT_TOLERANCE = 0.05  # the share of log loss a segment may lose at most

FROZEN, REFITTED = "as it is", "its recipe, fitted again"
_NOT_TO_BE_MEASURED = ("CH113", "CH350")  # it reads what is no more: it cannot score


def models_folder(config: Config, given: Path | None) -> Path:
    """Give the registry's folder: the one named, or ``models`` beside the settings."""
    return config.folder / "models" if given is None else given


def promote_bundle(
    config: Config,
    bundle_folder: Path,
    *,
    models: Path,
    tolerance: float = SEGMENT_TOLERANCE,
    refresh: bool = False,
    today: date,
    now: Callable[[], datetime],
    progress: Progress,
) -> dict[str, Any]:
    """Let a bundle through the gate and make it champion, or say why not.

    The result's ``promoted`` says which; ``reasons`` are those against it. A refusal
    changes nothing but the journal. A ``refresh`` is of newer data than the champion,
    and need not beat it: it must not be worse beyond noise. A champion that reads what
    the sources have no more can be judged as little as it can score: it stands aside.
    ``now`` is asked when it is done: a comparison may take an hour.

    Raises
    ------
    BundleError
        as ``load_bundle``, and CH620, CH622 for a broken champion.
    GateError
        CH623 when the champion changed while the two were compared.
    """
    with progress.stage("bundle"):
        folder = _named(bundle_folder, models)
        challenger = load_bundle(folder)
        refuse_unwritable(models / JOURNAL)  # also a refusal is written down
        standing = None if read_champion(models) is None else load_champion(models)
    over = None if standing is None else standing[0]
    mine = Champion(folder=_place(folder, models, challenger).name,
                    model_version=challenger.model_version)  # fmt: skip
    told: dict[str, Any] = {
        "schema_version": 1,
        "promoted": False,
        "model_version": challenger.model_version,
        "champion_before": None if over is None else over.model_version,
    }
    champion = None if standing is None else standing[1]
    reasons = _beforehand(config, challenger, champion, refresh=refresh)
    if not reasons:
        judged = _judged(
            config,
            challenger,
            champion,
            tolerance=tolerance,
            refresh=refresh,
            today=today,
            progress=progress,
        )
        reasons = judged.pop("reasons")
        told["evidence"] = judged
    told["reasons"] = reasons
    if reasons:
        note(models, "refused", mine, at=now(), before=over, evidence=_kept(told))
        return told
    _bring(challenger, models / mine.folder)
    crown(models, mine, over=over, at=now(), evidence=_kept(told))
    mirrored = _mirror(config, mine.model_version)
    return {**told, "promoted": True, "folder": mine.folder, "mlflow": mirrored}


def roll_back(config: Config, *, models: Path, now: datetime) -> dict[str, Any]:
    """Make the champion before this one champion again; CH621 or CH624 without one.

    ``unmapped`` is what it reads and the configuration, if it has sources, does not.
    """
    champion = step_back(models, at=now).champion
    schema = load_bundle(models / champion.folder).schema
    sources = config.sources
    return {
        "schema_version": 1,
        **champion.to_json(),
        "unmapped": schema.unmapped(config)
        if sources.events or sources.contracts
        else [],
        "mlflow": _mirror(config, champion.model_version),
    }


def untracked_settings() -> Config:
    """Give the settings of whoever has a registry only: no sources, no MLflow."""
    return Config(tracking=Tracking(uri=""))


def list_models(models: Path) -> dict[str, Any]:
    """List the registry's bundles, newest first, and what was done with them."""
    reign = read_reign(models)
    champion = None if reign is None else reign.champion
    former = () if reign is None else reign.before
    found = sorted(models.glob("[!.]*/MANIFEST.json"), reverse=True)
    return {
        "schema_version": 1,
        "champion": None if champion is None else champion.to_json(),
        "models": [_row(path.parent, champion, former) for path in found],
        "journal": promotions(models),
    }


def _row(
    folder: Path, champion: Champion | None, former: tuple[Champion, ...]
) -> dict[str, Any]:
    """Describe one bundle; a damaged one is listed with its error's code."""
    try:
        bundle = load_bundle(folder)
    except BundleError as error:
        return {"folder": folder.name, "model_version": None, "error": error.code}
    me = Champion(folder=folder.name, model_version=bundle.model_version)
    metrics = bundle.card.get("metrics") or {}
    return {
        **me.to_json(),
        "champion": me == champion,
        "was_champion": me in former,
        "trained_at": str(date_of(bundle.as_of)),
        "chosen": bundle.scorer.name,
        "skill": bundle.skill,
        "log_loss": metrics.get("log_loss"),
        "log_loss_gain_over_constant": metrics.get("log_loss_gain_over_constant"),
        "auc": metrics.get("auc"),
    }


def _named(given: Path, models: Path) -> Path:
    """Take a folder, or the name of one in the registry."""
    return given if given.exists() or given.parent != Path() else models / given


def _place(folder: Path, models: Path, bundle: Bundle) -> Path:
    """Say where the bundle stands, or will stand, inside the registry."""
    if folder.resolve().parent == models.resolve():
        return folder.resolve()
    return models / bundle.model_version


def _bring(bundle: Bundle, target: Path) -> None:
    """Copy a bundle from elsewhere into the registry, where it is not there yet."""
    if target.exists() and load_bundle(target).model_version == bundle.model_version:
        return
    save_bundle(bundle, target)


def _beforehand(
    config: Config, challenger: Bundle, champion: Bundle | None, *, refresh: bool
) -> list[str]:
    """Say what makes a comparison needless or impossible."""
    reasons = []
    if champion is not None and champion.model_version == challenger.model_version:
        return ["it is the champion already"]
    if refresh and champion is not None and challenger.as_of <= champion.as_of:
        reasons.append("it is no refresh: the champion has seen as new data")
    if not challenger.skill:
        reasons.append(
            "its own backtest shows no skill: its colours are the rule's, unproven"
        )
    asked = _asked(challenger.question)
    if _asked(config.question) != asked:
        reasons.append("it answers another question than the configuration asks")
    if champion is not None and _asked(champion.question) != asked:
        reasons.append(
            "it answers another question than the champion: keep it in another"
            " registry (--models), and under another [tracking] experiment, whose"
            " alias would point to it"
        )
    return reasons


def _asked(question: Question) -> dict[str, Any]:
    """Give what a question asks, whatever day the data end on."""
    return question.model_dump(exclude={"data_until"})


def _judged(
    config: Config,
    challenger: Bundle,
    champion: Bundle | None,
    *,
    tolerance: float,
    refresh: bool,
    today: date,
    progress: Progress,
) -> dict[str, Any]:
    """Put both on the same folds, beside the rule and the constant."""
    loaded, _ = gather(config, today=today, progress=progress)
    panel = build_panel(config, loaded.history, progress=progress)
    mine, entrants, ways = _entrants(config, panel, challenger, champion, progress)
    told = judged_promises(
        [(b["low"], b["high"]) for b in challenger.card.get("bands", ())],
        challenger.cuts,
        entrants["challenger"],
        mine.y,
        mine.account,
        seed=config.model.seed,
    )
    verdict = contest(
        entrants,
        mine.y,
        mine.account,
        panel.history.accounts.segment[mine.account],
        incumbent=_incumbent(entrants),
        broken=broken(told, skill=challenger.skill),
        tolerance=tolerance,
        refresh=refresh,
        seed=config.model.seed,
    )
    return {
        "data_digest": loaded.digest,
        "judged_as": ways,
        "test_from": str(date_of(mine.as_of.min())),
        "test_to": str(date_of(mine.as_of.max())),
        "segment_tolerance": tolerance,
        "refresh": refresh,
        "bands": [promise.to_json() for promise in told],
        **verdict,
    }


def _entrants(
    config: Config,
    panel: Panel,
    challenger: Bundle,
    champion: Bundle | None,
    progress: Progress,
) -> tuple[Judged, dict[str, Floats], dict[str, list[str]]]:
    """Give the test rows, what each entrant says of them, and how it was judged."""
    mine, p, how = _replayed(config, panel, challenger, progress)
    simple = {name: mine.p[name] for name in ("constant", "rules") if name in mine.p}
    entrants = {"challenger": p, "constant": mine.rate, **simple}
    ways = {"challenger": how}
    if challenger.scorer.name == "rules":
        entrants.pop("rules", None)
    elif "rules" not in entrants:
        rule, _, _ = _replayed(config, panel, challenger, progress, ladder=("rules",))
        entrants["rules"] = rule.p["rules"]
    if champion is not None:
        try:
            _, entrants["champion"], how = _replayed(config, panel, champion, progress)
        except ChurnHealthError as error:
            if error.code not in _NOT_TO_BE_MEASURED:
                raise
            how = [f"not judged: {error.what}"]
        ways["champion"] = how
    return mine, entrants, ways


def _incumbent(entrants: Mapping[str, Floats]) -> str:
    """Name what people would otherwise act on."""
    return next(n for n in ("champion", "rules", "constant") if n in entrants)


def _replayed(
    config: Config,
    panel: Panel,
    bundle: Bundle,
    progress: Progress,
    *,
    ladder: tuple[str, ...] | None = None,
) -> tuple[Judged, Floats, list[str]]:
    """Give a bundle's probability of every test row, and how each fold was judged.

    ``ladder`` replaces the rungs of its recipe.
    """
    config, card = _recipe(config, bundle)
    if ladder is not None:
        model = config.model.model_copy(update={"ladder": ladder})
        config = config.model_copy(update={"model": model})
    with progress.stage("features"):
        mine = _measured(panel, bundle)
    judged = judged_by(config, mine, card=card, progress=progress)
    p = judged.p.get(bundle.scorer.name, judged.p["chosen"]).copy()
    ways = []
    for result in judged.folds:
        frozen = result.fold.test_from >= bundle.as_of
        ways.append(FROZEN if frozen else REFITTED)
        if frozen:
            here = np.isin(judged.row, result.test)
            margin = bundle.scorer.decision_function(mine.X[judged.row[here]])
            p[here] = bundle.calibrator.probability(margin)
    return judged, p, ways


def _recipe(config: Config, bundle: Bundle) -> tuple[Config, Card | None]:
    """Take the settings and the card a bundle was trained with."""
    kept = bundle.card.get("settings")
    card: Card | None = bundle.rules.card_
    if kept is None:
        return config, card
    update: dict[str, Any] = {
        "model": Model.model_validate(kept["model"]),
        "calibration": Calibration.model_validate(kept.get("calibration", {})),
    }
    if kept["card"] == "learned":
        update["rules"], card = config.rules.model_copy(update={"card": None}), None
    return config.model_copy(update=update), card


def _measured(panel: Panel, bundle: Bundle) -> Panel:
    """Measure the panel's snapshots with a bundle's own features and scales."""
    history = bundle.schema.apply(panel.history)
    table = feature_table(
        history,
        bundle.specs,
        account=panel.cohort.account,
        as_of=panel.cohort.as_of,
        gap_days=panel.question.gap_days,
    )
    return replace(panel, specs=bundle.specs, X=table.values)


def _kept(told: Mapping[str, Any]) -> dict[str, Any]:
    """Take what the journal remembers of a decision."""
    return {k: told[k] for k in ("reasons", "evidence") if k in told}


def _mirror(config: Config, model_version: str) -> dict[str, str | None]:
    """Let MLflow's alias follow the pointer; the pointer stands whether it can or not.

    Serving never asks MLflow, so a store that is away is told of and nothing more.
    """
    if not config.tracking.uri:
        return {"version": None, "warning": None}
    from churnhealth.tracking import point_alias

    try:
        version = point_alias(
            uri=config.tracking.uri,
            folder=config.folder,
            name=config.tracking.experiment,
            alias="champion",
            model_version=model_version,
        )
    except ChurnHealthError as error:
        return {"version": None, "warning": f"[{error.code}] {error.what}"}
    missing = None if version else "MLflow has no version of this bundle"
    return {"version": version, "warning": missing}
