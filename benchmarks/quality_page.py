"""The page docs/quality.md, made of what benchmarks/quality.py has measured."""

from itertools import chain

import numpy as np
from quality_goals import (
    against_flaml,
    counted,
    flaml,
    gains,
    goals,
    in_order,
    odds,
    tests_of,
)

NAMES = {
    "crm5": "crm5",
    "openstack": "OpenStack",
    "cdnow": "CDNOW",
    "oulad": "OULAD",
    "ravenstack": "RavenStack",
}
HEAD = """# Quality

Made by `benchmarks/quality.py --page` from what its parts measured (`quality.json`),
which need not be one run of `make bench-quality`; do not edit. Every model was chosen
and fitted on what was known before the first test day of the set's example; the test
rows were scored after that (OpenStack's were seen while the lifetime rung was decided
on: docs/ladder.md). Log loss: less is better. Slope: 1 is right, below it the
probabilities are too extreme. Ratio: mean predicted over observed.
"""


def page(kept):
    """Write the page of all measured parts: sets, tune-..., simulated-..., by name."""
    searches = {n: f for n, f in kept.items() if n.startswith("tune-")}
    sets = {n: kept[n] for n in NAMES if n in kept}
    companies = companies_of(kept)
    measured = [*sets.values(), *chain(*companies.values()), *searches.values()]
    parts = [HEAD, machine(measured)]
    asked = goals(sets, companies, NAMES)
    parts += ["## Asked and found\n", table(["asked", "found", ""], asked)]
    if sets:
        parts += ["## In short\n", summary(sets), missing(sets)]
        parts += ["## Every scorer\n", *(one_set(n, f) for n, f in sets.items())]
        parts += ["## Promises of the colours\n", colours(sets, companies)]
    if companies:
        parts += [
            "## Simulated companies, beside their true hazard\n",
            sizes(companies),
        ]
    if searches:
        parts += ["## What a search of settings gains\n", searched(searches)]
    return "\n".join(parts)


def companies_of(kept):
    """Give what was measured of simulated companies, by their accounts."""
    sizes = {}
    for name, found in kept.items():
        if name.startswith("simulated-"):
            sizes.setdefault(int(name.split("-")[1]), []).append(found)
    return dict(sorted(sizes.items()))


def machine(found):
    if not found:
        return ""
    loads = [f["machine"]["load"] for f in found if "load" in f["machine"]]
    days = sorted({f["machine"]["on"] for f in found})
    cores = found[0]["machine"]["cores"]
    when = " to ".join(sorted({days[0], days[-1]}))
    return (
        f"Measured {when} on {cores} cores, with other work beside it"
        f" (load average at the end of each run {min(loads)} to {max(loads)})."
        f"{read_back(found)}\n"
    )


def read_back(found):
    """Say which figures are only those of an earlier page, to its decimals."""
    if not any(f.get("read_back") for f in found):
        return ""
    return (
        " What the peers said, the searches of settings and what bears an earlier date"
        " than the rest were not run again: their figures were read back from the page"
        " made on that day."
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
    rows = []
    for name, found in sets.items():
        mine = found["scorers"]["chosen"]
        constant = found["scorers"]["constant"]["log_loss"]
        theirs = flaml(found)
        rows.append(
            [
                NAMES[name],
                found["chosen"],
                number(mine["log_loss"]),
                number(mine["log_loss"] / constant, 3),
                number(mine["auc"], 3),
                *(number(loss) for loss in theirs),
                f"{found['seconds']:.0f}",
                number(found.get("peer_seconds"), 0),
                found["machine"]["on"],
                found.get("peers_on", "-"),
            ]
        )
    won, asked = against_flaml(sets)
    text = table(
        ["set", "chosen", "log loss", "of the constant's", "AUC",
         "FLAML, split by time", "FLAML, split by account", "our seconds", "FLAML's",
         "ours of", "peers of"],
        rows,
    )  # fmt: skip
    return text + (
        "\nFLAML was given our feature table, our training rows and our training time"
        " (half a minute where we took less; where the last column holds fewer seconds"
        " than ours it was capped, and the comparison is not one of equal time),"
        " once with the newest quarter of the rows"
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


def colours(sets, companies):
    rows = []
    for name, found in sets.items():
        dates = [fold["from"] for fold in found.get("rolling", [])]
        for when, bands in zip(
            ["all test dates", *dates], tests_of(found), strict=bool(tests_of(found))
        ):
            held = "yes" if in_order(bands) else "**no**"
            rows.append(
                [NAMES[name], when, *(band(b) for b in bands), multiple(bands), held]
            )
    text = table(
        ["set", "tested from", "green", "yellow", "orange", "red",
         "odds in red / all", "in order"],
        rows,
    )  # fmt: skip
    tests = [test for found in sets.values() for test in tests_of(found)]
    tallies = [("real sets, all test dates and each", tests)]
    for accounts, found in companies.items():
        kept = [test for one in found for test in tests_of(one)]
        tallies.append((f"simulated, {accounts:,} accounts", kept))
    return (
        f"{text}\nObserved rates, with their rows and what was promised; a broken"
        " promise is marked, an empty colour counts as broken. A promise depends on"
        " no outcome of the test and is as wide as the accounts that are judged need"
        " (docs/ladder.md); by the limits alone: judged between the limits of the"
        " colours, whatever so few accounts can show. Order held:"
        " no colour churned more than a worse one, by however little.\n\n"
        + table(
            ["where", "tests with skill", "promises kept", "kept by the limits alone",
             "order held",
             "not turned round beyond noise", "odds in red at least 3 times all"],
            [tally(where, tests) for where, tests in tallies],
        )
    )  # fmt: skip


def tally(where, tests):
    seen = counted(tests)
    share, strict = (
        f" ({seen[how] / seen['promises']:.0%})" if tests else ""
        for how in ("kept", "strict")
    )
    return [
        where,
        seen["tests"],
        f"{seen['kept']} of {seen['promises']}{share}",
        f"{seen['strict']} of {seen['promises']}{strict}",
        f"{seen['order']} of {seen['tests']}",
        f"{seen['unturned']} of {seen['tests']}",
        f"{seen['red']} of {seen['tests']}",
    ]


def band(row):
    if not row["n"]:
        return "empty"
    mark = "" if row["kept"] else " **broken**"
    promised = f"{row['low']:.1%} to {row['high']:.1%}"
    return f"{row['observed']:.1%} of {row['n']:,}, promised {promised}{mark}"


def multiple(bands):
    red = odds(bands)
    if red is None:
        return "-"
    return "all churned" if np.isinf(red) else number(red, 1)


def sizes(companies):
    rows = []
    for accounts, found in companies.items():
        gain, share, slope, ratio = (
            np.array(v, float) for v in zip(*map(gains, found), strict=True)
        )
        rows.append(
            [
                f"{accounts:,}",
                len(found),
                f"{gain.mean():+.1%}",
                f"{gain.min():+.1%}",
                f"{np.mean(gain >= -0.01):.0%}",
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


def searched(searches):
    rows, gained = [], []
    for name, found in searches.items():
        before, after = found["without"]["log_loss"], found["with"]["log_loss"]
        low, high = found["interval"]
        gained.append(1.0 - after / before)
        rows.append(
            [
                name.removeprefix("tune-"),
                f"{found['tried']} in {found['seconds']:.0f} s",
                "yes" if found["settings"] else "no",
                number(before),
                number(after),
                f"{gained[-1]:+.1%}",
                f"{low:+.4f} to {high:+.4f}",
            ]
        )
    text = table(
        ["set", "trials", "settings changed", "log loss without", "with", "gain",
         "95 % of the gain by account"],
        rows,
    )  # fmt: skip
    return (
        "`train --tune` before the first test day; log loss of the chosen rung on the"
        " test rows with the settings as they were and as the search left them.\n\n"
        f"{text}\nOver these sets the search gained {np.mean(gained):+.1%} of log loss"
        f" on average ({min(gained):+.1%} to {max(gained):+.1%}).\n"
    )
