"""The backtest as a page of text: every sentence of it says what the dict holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from churnhealth.features.spec import with_acronyms
from churnhealth.said import many

__all__ = ["band_lines", "report_text", "scorer_rows", "sentence", "small_segments"]

_MOST_MISSED = 4  # groups named of those that the chances missed


def scorer_rows(
    scorers: Mapping[str, Mapping[str, Any]],
) -> list[tuple[str, Mapping[str, Any]]]:
    """Give each scorer once; ``chosen`` marks the one whose figures stand there twice.

    Where folds chose different ones, what was chosen is no scorer's: ``by fold``.

    >>> own = {"name": "rules", "log_loss": 0.5}
    >>> rows = scorer_rows({"rules": {"log_loss": 0.5}, "chosen": own})
    >>> [(name, row["chosen"]) for name, row in rows]
    [('rules', True)]
    >>> rows = scorer_rows({"rules": {"log_loss": 0.6}, "chosen": own})
    >>> [(name, row["chosen"]) for name, row in rows]
    [('rules', False), ('by fold', True)]
    """
    told = scorers["chosen"]
    chosen = told["name"]
    rows = {name: row for name, row in scorers.items() if name != "chosen"}
    if rows.setdefault(chosen, told).get("log_loss") != told.get("log_loss"):
        chosen = "by fold"
        rows[chosen] = told
    return [(name, {**row, "chosen": name == chosen}) for name, row in rows.items()]


def sentence(reason: str) -> str:
    """Begin a reason as a sentence begins; the name of a feature stays as it is.

    >>> sentence("blend gains 0.01"), sentence("gbm gains 0.01")
    ('Blend gains 0.01', 'GBM gains 0.01')
    >>> sentence("product__all__count__7d alone ranks leavers")
    'product__all__count__7d alone ranks leavers'
    """
    first = reason[:1] if "__" in reason.partition(" ")[0] else reason[:1].upper()
    return with_acronyms(first + reason[1:])


def report_text(report: Mapping[str, Any]) -> str:
    """Say the backtest in a page of text."""
    lines = [_fold_line(fold) for fold in report["folds"]]
    head = f"{'scorer':<10} {'AUC':>6} {'log loss':>9} {'gain':>8} {'slope':>6}"
    lines += ["", head]
    for name, row in scorer_rows(report["scorers"]):
        mark = "  chosen" if row.get("chosen") else ""
        lines.append(
            f"{name:<10} {_number(row['auc'], 3):>6} {row['log_loss']:>9.4f}"
            f" {row['log_loss_gain_over_constant']:>8.4f}"
            f" {_number(row['calibration_slope'], 2):>6}{mark}"
        )
    lines += ["", *band_lines(report["bands"])]
    apart = report["group_disjoint"]
    if apart["auc"] is not None:
        lines += ["", f"of groups it had not seen: an AUC of {apart['auc']:.3f}"]
    leaky = report.get("leaky")
    if leaky and leaky["auc"] is not None:
        lines += ["", f"cheating would have claimed an AUC of {leaky['auc']:.3f}"]
    shuffled = report["shuffled_dates"]
    if shuffled["auc"] is not None:
        lines += [
            f"on shuffled dates the AUC of {shuffled['auc']:.3f} is"
            f" {shuffled['auc_shuffled']:.3f}"
        ]
    rate = report["base_rate"]
    if rate and rate["beyond_noise"]:
        done = f"corrected by {rate['corrected']:+.2f}" if rate["corrected"] else "kept"
        lines += [
            f"base rate: {rate['observed']:.1%} of the training rows since"
            f" {rate['since']} churned, {rate['expected']:.1%} was expected; the level"
            f" is {done} (log-odds)"
        ]
    lines += _slice_lines(report["slices"], skill=report["verdict"]["skill"])
    lines += _learning_lines(report.get("learning", ()))
    skill = "skill" if report["verdict"]["skill"] else "no skill"
    lines += ["", f"verdict: {skill}, chosen {report['verdict']['chosen']}"]
    lines += [f"  - {sentence(reason)}" for reason in report["verdict"]["reasons"]]
    return "\n".join(lines)


def _slice_lines(slices: Mapping[str, Any], *, skill: bool) -> list[str]:
    """Say in a few lines what the slices show; all of them are in the JSON."""
    lines = []
    every = slices["recurring_loss"]
    if every:
        rows = [row for row in every if row["whole"]] or every
        part = " looked at as a whole" if len(rows) < len(every) else ""
        inside = sum(row["inside"] for row in rows)
        # who is at stake may be so in the next quarter too: a sum would count it twice
        expected, actual = (
            sum(r[k] for r in rows) / len(rows) for k in ("expected", "actual")
        )
        lines.append(
            f"recurring value lost a year, mean of {many(len(rows), 'quarter')}{part}:"
            f" {expected:,.0f} expected, {actual:,.0f} actual; inside its range in"
            f" {inside}"
        )
    lost = slices["value_lead"]["lost"]
    if lost is not None:
        lines.append(f"{lost:.0%} of the lost value was red or orange")
    lines += _missed_lines(slices["reliability"], skill=skill)
    small = slices.get("too_small")
    if small and small["segments"]:
        lines.append(small_segments(small))
    if slices["new_terms"]:
        terms = ", ".join(f"{row['term_months']:g}" for row in slices["new_terms"])
        lines.append(f"terms (months) due that never came up in training: {terms}")
    if unread := slices.get("unread"):
        lines.append(
            f"nothing is learned from {', '.join(unread)}: too young for the first"
            " fold, or left out by [features]"
        )
    if crowded := slices.get("crowded_out"):
        per = Counter(name.partition("__")[0] for name in crowded)
        told = ", ".join(f"{source} {many}" for source, many in per.most_common())
        lines.append(f"features that [features] most leaves no room for: {told}")
    return ["", *lines] if lines else []


def _missed_lines(rows: Sequence[Mapping[str, Any]], *, skill: bool) -> list[str]:
    """Say for which accounts the chances missed, by how much, and what it asks for."""
    off = [row for row in rows if not row["holds"]]
    if not off:
        return []
    order = (
        "; where a miss is large, trust the order of those accounts more than their"
        " chances"
    )
    lines = [
        f"the chances missed for {len(off)} of {len(rows)} slices of the accounts (one"
        f" in twenty misses by chance{order if skill else ''}):"
    ]
    for row in off[:_MOST_MISSED]:
        low, high = row["interval"]
        lines.append(
            f"  {row['by'].replace('_', ' ')} {row['slice']}: {row['predicted']:.1%}"
            f" expected, {row['observed']:.1%} seen ({low:.1%} to {high:.1%})"
        )
    return lines


def small_segments(small: Mapping[str, int]) -> str:
    """Say which segments are not judged apart, and why.

    >>> small_segments({"segments": 1, "accounts": 12, "fewest": 30})
    '1 segment with 12 accounts is not judged apart: it has fewer than 30'
    """
    n, accounts = small["segments"], small["accounts"]
    what, who = many(n, "segment"), many(accounts, "account")
    verb, each = ("is", "it") if n == 1 else ("are", "each")
    return (
        f"{what} with {who} {verb} not judged apart: {each} has fewer than"
        f" {small['fewest']}"
    )


def _learning_lines(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what the chosen scorer gained from part of the accounts."""
    if not points:
        return []
    lines = ["", f"{'learned from':<24}{'gain':>8}   95 % interval"]
    for point in points:
        what = f"{many(point['outcomes'], 'account')} that left"
        low, high = point["interval"] or (None, None)
        between = f"{_number(low, 4)} to {_number(high, 4)}"
        lines.append(f"{what:<24}{point['gain']:>8.4f}   {between}")
    told = points[-1]
    tested, left = many(told["n_test"], "row"), many(told["outcomes_test"], "account")
    lines.append(f"  tested on {tested} from {told['test_from']} on, {left} that left")
    return lines


def _fold_line(fold: Mapping[str, Any]) -> str:
    parts = [
        f"{part} {fold[f'{part}_from']} .. {fold[f'{part}_to']}:"
        f" {many(fold[f'n_{part}'], 'row')}, {fold[f'positives_{part}']} positive"
        f" ({many(fold[f'outcomes_{part}'], 'account')})"
        for part in ("train", "test")
    ]
    return "; ".join(parts)


def band_lines(bands: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lay out what each colour promised, and what was seen (see ``Promise``)."""
    head = f"{'band':<8} {'promised':>15} {'rows':>7} {'seen':>7}  kept"
    return [head, *map(_band_line, bands)]


def _band_line(band: Mapping[str, Any]) -> str:
    promised = f"{band['low']:.1%} - {band['high']:.1%}"
    seen = "" if band["observed"] is None else f"{band['observed']:.1%}"
    kept = {True: "yes", False: "NO", None: "-"}[band["kept"]]
    return f"{band['band']:<8} {promised:>15} {band['n']:>7} {seen:>7}  {kept}"


def _number(value: float | None, places: int) -> str:
    return "-" if value is None else f"{value:.{places}f}"
