"""The page docs/quality.md, made of what benchmarks/quality.py has measured."""

from itertools import chain

import numpy as np

NAMES = {
    "crm5": "crm5",
    "openstack": "OpenStack",
    "cdnow": "CDNOW",
    "oulad": "OULAD",
    "ravenstack": "RavenStack",
}
HEAD = """# Quality

Made by `make bench-quality`; do not edit. Every model was chosen and fitted on what was
known before the first test day of the set's example; the test rows were scored after
that (OpenStack's were seen while the lifetime rung was decided on: docs/ladder.md). Log
loss: less is better. Slope: 1 is right, below it the probabilities are too
extreme. Ratio: mean predicted over observed.
"""


def page(sets, companies):
    parts = [HEAD, machine([*sets.values(), *chain(*companies.values())])]
    if sets:
        parts += ["## In short\n", summary(sets), missing(sets)]
        parts += ["## Every scorer\n", *(one_set(n, f) for n, f in sets.items())]
        parts += ["## Promises of the colours\n", colours(sets)]
    if companies:
        parts += [
            "## Simulated companies, beside their true hazard\n",
            sizes(companies),
        ]
    return "\n".join(parts)


def machine(found):
    if not found:
        return ""
    loads = [f["machine"]["load"] for f in found]
    days = sorted({f["machine"]["on"] for f in found})
    cores = found[0]["machine"]["cores"]
    return (
        f"Measured {days[0]} to {days[-1]} on {cores} cores, with other work beside it"
        f" (load average at the end of each run {min(loads)} to {max(loads)}).\n"
    )


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def number(value, places=4):
    return "-" if value is None or not np.isfinite(value) else f"{value:.{places}f}"


def missing(sets):
    left = [said for name, said in NAMES.items() if name not in sets]
    return f"Not measured on this machine yet: {', '.join(left)}.\n" if left else ""


def summary(sets):
    rows, won, asked = [], 0, 0
    for name, found in sets.items():
        mine = found["scorers"]["chosen"]
        constant = found["scorers"]["constant"]["log_loss"]
        peers = found.get("peers", {})
        theirs = [
            peers.get(f"FLAML, split by {how}", {}).get("log_loss")
            for how in ("time", "account")
        ]
        if None not in theirs:
            asked += 1
            won += mine["log_loss"] <= min(theirs)
        rows.append(
            [
                NAMES[name],
                found["chosen"],
                number(mine["log_loss"]),
                number(mine["log_loss"] / constant, 3),
                number(mine["auc"], 3),
                *(number(loss) for loss in theirs),
                f"{found['seconds']:.0f}",
            ]
        )
    text = table(
        ["set", "chosen", "log loss", "of the constant's", "AUC",
         "FLAML, split by time", "FLAML, split by account", "seconds"],
        rows,
    )  # fmt: skip
    return text + (
        "\nFLAML was given our feature table, our training rows and our training time"
        " (half a minute where we took less), once with the newest quarter of the rows"
        " to choose by and once with folds of whole accounts. Our log loss is at least"
        f" as good as the better of the two on {won} of {asked} sets; - is not"
        " measured.\n"
    )


def one_set(name, found):
    fold = found["fold"]
    rows = [
        [n if n != "chosen" else f"**chosen ({found['chosen']})**", *figures(s), "", ""]
        for n, s in found["scorers"].items()
    ]
    for peer, row in found.get("peers", {}).items():
        low, high = row["interval"]
        rows.append(
            [peer, *figures(row), f"{row['our_gain']:+.4f}",
             f"{low:+.4f} to {high:+.4f}"]
        )  # fmt: skip
    return (
        f"### {NAMES[name]}\n\n{fold['n_train']:,} training rows,"
        f" {fold['positives_train']:,}"
        f" positive ({fold['outcomes_train']:,} accounts); {fold['n_test']:,} test rows"
        f" from {fold['test_from']}, {fold['positives_test']:,} positive"
        f" ({fold['outcomes_test']:,} accounts).\n\n"
        + table(
            ["scorer", "log loss", "AUC", "slope", "ratio", "our gain over it",
             "95 % by account"],
            rows,
        )
    )  # fmt: skip


def figures(row):
    return [
        number(row["log_loss"]),
        number(row["auc"], 3),
        number(row["slope"], 2),
        number(row["ratio"], 2),
    ]


def colours(sets):
    rows, kept, asked, order, folds = [], 0, 0, 0, 0
    for name, found in sets.items():
        if not found["skill"]:
            continue
        tests = [{"from": "all test dates", "bands": found["bands"]}]
        for test in [*tests, *found.get("rolling", [])]:
            bands = test["bands"]
            seen = [b["observed"] for b in bands if b["n"]]
            kept += sum(bool(b["kept"]) for b in bands)
            asked += len(bands)
            order += seen == sorted(seen)
            folds += 1
            rows.append(
                [NAMES[name], test["from"], *(band(b) for b in bands), odds(bands)]
            )
    text = table(
        ["set", "tested from", "green", "yellow", "orange", "red",
         "odds in red / all"],
        rows,
    )  # fmt: skip
    return text + (
        f"\nObserved rates, with their rows; a broken promise is marked."
        f" {kept} of {asked} promises kept (an empty band counts as broken); the"
        f" order of the colours held in {order} of {folds}.\n"
    )


def band(row):
    if not row["n"]:
        return "empty"
    mark = "" if row["kept"] else " **broken**"
    return f"{row['observed']:.1%} of {row['n']:,}{mark}"


def odds(bands):
    n = sum(b["n"] for b in bands)
    rate = sum(b["observed"] * b["n"] for b in bands if b["n"]) / n
    red = bands[-1]["observed"]
    if red is None or not 0.0 < rate < 1.0:
        return "-"
    if red >= 1.0:
        return "all churned"
    return number(red / (1 - red) / (rate / (1 - rate)), 1)


def sizes(companies):
    rows = []
    for accounts, found in companies.items():
        gain, share, slope, ratio = (
            np.array(v) for v in zip(*map(gains, found), strict=True)
        )
        rows.append(
            [
                f"{accounts:,}",
                len(found),
                f"{gain.mean():+.1%}",
                f"{gain.min():+.1%}",
                f"{np.mean(gain > -0.01):.0%}",
                f"{np.mean(share):.0%}",
                f"{np.nanmedian(slope):.2f}",
                f"{np.median(ratio):.2f}",
                f"{np.mean([f['seconds'] for f in found]):.0f}",
                f"{max(f['machine']['peak_gb'] for f in found):.1f}",
            ]
        )
    return table(
        ["accounts", "seeds", "gain over the constant", "least", "not 1 % worse",
         "of the true hazard's gain", "slope", "ratio", "seconds", "peak GB"],
        rows,
    )  # fmt: skip


def gains(found):
    constant = found["scorers"]["constant"]["log_loss"]
    mine, best = found["scorers"]["chosen"], found["truth"]["log_loss"]
    gain = constant - mine["log_loss"]
    share = gain / (constant - best) if constant > best else np.nan
    return gain / constant, share, mine["slope"], mine["ratio"]
