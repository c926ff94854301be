"""What was asked of the colours and the scorers, and whether it was found."""

from itertools import pairwise

import numpy as np

from churnhealth.health.promises import Promise, is_kept, turned_round

RED = 3.0  # Red's observed odds, in multiples of the base odds
REAL = {  # the most of the constant's loss, the most loss, the least AUC
    "crm5": (0.87, None, 0.75),
    "openstack": (None, 0.460, 0.868),
    "cdnow": (None, 0.617, 0.718),
    "oulad": (0.885, None, 0.81),
}
LEAST_SHARE, LARGE = 0.85, 10_000  # of the true hazard's gain, from that size on
SEEDS = {300: 20, 1_000: 20, 10_000: 1, 100_000: 1}  # that were asked
VERDICT = {True: "met", False: "**missed**", None: "open"}


def odds(bands):
    """Give Red's observed odds over those of all rows; None where Red is empty."""
    n = sum(b["n"] for b in bands)
    rate = sum(b["observed"] * b["n"] for b in bands if b["n"]) / n
    red = bands[-1]["observed"]
    if red is None or not 0.0 < rate < 1.0:
        return None
    return np.inf if red >= 1.0 else red / (1 - red) / (rate / (1 - rate))


def in_order(bands):
    seen = [b["observed"] for b in bands if b["n"]]
    return seen == sorted(seen)


def strictly_kept(bands):
    """Count the colours whose observed rate keeps the range of the limits alone."""
    return sum(
        bool(b["n"]) and is_kept(b["limits"], b["observed"], tuple(b["interval"]))
        for b in bands
    )


def turned(bands):
    """Say whether an order was turned round beyond noise."""
    names = Promise.__dataclass_fields__
    told = [Promise.from_json({n: b[n] for n in names}) for b in bands if b["n"]]
    return any(turned_round(a, b) for a, b in pairwise(told))


def counted(tests):
    """Count promises kept, orders held and Reds at three times the base odds."""
    red = [odds(bands) for bands in tests]
    return {
        "tests": len(tests),
        "kept": sum(bool(b["kept"]) for bands in tests for b in bands),
        "promises": sum(len(bands) for bands in tests),
        "strict": sum(map(strictly_kept, tests)),
        "order": sum(in_order(bands) for bands in tests),
        "unturned": sum(not turned(bands) for bands in tests),
        "red": sum(r is not None and r >= RED for r in red),
    }


def tests_of(found):
    """List the bands of a set's test period and of every fold of its own."""
    if not found["skill"] or "bands" not in found:
        return []
    told = [found, *found.get("rolling", [])]
    return [[*map(limited, t["bands"], limits(t))] for t in told]


def limits(told):
    edges = (0.0, *told["cuts"], 1.0)
    return list(pairwise(edges))


def limited(band, between):
    """Give a colour with the churn rates between its own limits."""
    return {**band, "limits": between}


def gains(found):
    """Give the gain over the constant, its share of the true hazard's, the line."""
    constant = found["scorers"]["constant"]["log_loss"]
    mine, best = found["scorers"]["chosen"], found["truth"]["log_loss"]
    gain = constant - mine["log_loss"]
    share = gain / (constant - best) if constant > best else np.nan
    return gain / constant, share, mine["slope"], mine["ratio"]


def against_flaml(sets):
    """Count the sets searched by FLAML both ways, and those where we lose nothing."""
    won = asked = 0
    for found in sets.values():
        theirs = flaml(found)
        if None not in theirs:
            asked += 1
            won += found["scorers"]["chosen"]["log_loss"] <= min(theirs)
    return won, asked


def short_of_time(found):
    """Say whether FLAML was given less time than we took."""
    return found.get("peer_seconds", np.inf) < found["seconds"]


def flaml(found):
    peers = found.get("peers", {})
    return [
        peers.get(f"FLAML, split by {how}", {}).get("log_loss")
        for how in ("time", "account")
    ]


def goals(sets, companies, names):
    """List (what was asked, what was found, met or missed or open)."""
    told = []
    for name, (share, loss, least) in REAL.items():
        if name in sets:
            told += _real(names[name], sets[name], share, loss, least)
    if "ravenstack" in sets:
        raven = sets["ravenstack"]
        verdict = "skill" if raven["skill"] else "no skill"
        told.append(("RavenStack: no skill", verdict, not raven["skill"]))
    won, asked = against_flaml(sets)
    if asked:
        equal = {n: f for n, f in sets.items() if not short_of_time(f)}
        fair, _ = against_flaml(equal)
        less = "" if fair == won else f", {won - fair} of them with less time for it"
        told.append(
            (
                "no more log loss than FLAML in the same time on 4 of the 5",
                f"{won} of {asked}{less}",
                fair >= 4,
            )
        )
    for accounts, seeds in SEEDS.items():
        if accounts in companies:
            told += _simulated(accounts, companies[accounts], seeds)
        else:
            told.append((f"{accounts:,} simulated accounts", "not measured", None))
    told += _colours("real sets", [t for f in sets.values() for t in tests_of(f)])
    told += _colours(
        "simulated companies",
        [t for found in companies.values() for f in found for t in tests_of(f)],
    )
    return [(what, seen, VERDICT[met]) for what, seen, met in told]


def _real(name, found, share, loss, least):
    mine = found["scorers"]["chosen"]
    part = mine["log_loss"] / found["scorers"]["constant"]["log_loss"]
    if share is not None:
        yield (
            f"{name}: at most {share} of the constant's log loss",
            f"{part:.3f}",
            part <= share,
        )
    if loss is not None:
        yield (
            f"{name}: log loss at most {loss:.3f}",
            f"{mine['log_loss']:.4f}",
            (mine["log_loss"] <= loss),
        )
    yield f"{name}: AUC at least {least}", f"{mine['auc']:.4f}", mine["auc"] >= least


def _simulated(accounts, found, asked):
    gain, share, slope, ratio = (
        np.array(v, float) for v in zip(*map(gains, found), strict=True)
    )
    who, seeds = f"{accounts:,} simulated accounts", gain.size
    near = int(np.sum(gain >= -0.01))
    fewer = "" if seeds >= asked else f", {asked} seeds asked"
    yield (
        f"{who}: at most 1 % worse than the constant in 95 % of the seeds",
        f"{near} of {seeds}{fewer}",
        None if fewer and near >= 0.95 * seeds else near >= 0.95 * seeds,
    )
    if accounts < LARGE:
        return
    yield (
        f"{who}: {LEAST_SHARE:.0%} of the true hazard's gain",
        f"{share.mean():.0%} ({share.min():.0%} to {share.max():.0%})",
        share.mean() >= LEAST_SHARE,
    )
    yield (
        f"{who}: slope 0.8 to 1.25",
        f"{slope.min():.2f} to {slope.max():.2f}",
        bool(((slope >= 0.8) & (slope <= 1.25)).all()),
    )
    yield (
        f"{who}: mean predicted within 15 % of observed",
        f"{ratio.min():.2f} to {ratio.max():.2f}",
        bool((np.abs(ratio - 1.0) <= 0.15).all()),
    )


def _colours(where, tests):
    if not tests:
        return
    seen = counted(tests)
    yield (
        f"colours of {where}: order held",
        f"{seen['order']} of {seen['tests']}; beyond noise"
        f" {seen['unturned']} of {seen['tests']}",
        seen["order"] == seen["tests"],
    )
    yield (
        f"colours of {where}: 90 % of the promises kept",
        f"{seen['kept']} of {seen['promises']} ({seen['kept'] / seen['promises']:.0%});"
        f" by the limits alone {seen['strict'] / seen['promises']:.0%}",
        seen["kept"] >= 0.9 * seen["promises"],
    )
    yield (
        f"colours of {where}: Red's odds 3 times the base odds",
        f"{seen['red']} of {seen['tests']}",
        seen["red"] == seen["tests"],
    )
