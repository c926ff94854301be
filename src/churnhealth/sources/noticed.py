"""What was noticed while reading: things that can no longer be seen afterwards."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from churnhealth.said import many
from churnhealth.sources.amended import amended
from churnhealth.sources.below_nothing import below_nothing
from churnhealth.sources.clocks import clocked
from churnhealth.sources.contract import Texts
from churnhealth.sources.deleted import deleted_rows
from churnhealth.sources.fanned_out import fanned_out
from churnhealth.sources.findings import Finding, finding
from churnhealth.sources.first_days import first_days
from churnhealth.sources.four_years import four_years_early
from churnhealth.sources.joining import WRITTEN, alike
from churnhealth.sources.lacking import lacking
from churnhealth.sources.mismapped import mismapped
from churnhealth.sources.moved_on import moved_on
from churnhealth.sources.nameless import nameless
from churnhealth.sources.tables import Part
from churnhealth.sources.years_price import years_price

__all__ = ["noticed"]

# code, what is counted, told above which share of the rows, and its sentence
_COUNTED = (
    (
        "CH201",
        "repeated",
        0.0,
        "{title}: {ids} an event id; {dropped:,} of the same account were left"
        " out{differing}",
    ),
    (
        "CH241",
        "replaced",
        0.0,
        "{title}: {replaced:,} of {rows:,} rows were replaced by a row of"
        " the same contract and start that was known later",
    ),
    (
        "CH242",
        "beside",
        0.0,
        "{title}: {beside:,} of {rows:,} rows share contract, start and the"
        " day they were known with another row",
    ),
    (
        "CH254",
        "moved",
        0.0,
        "{title}: {moved} accounts end on the day on which a contract of theirs goes on"
        " in another account, by its `contract_id`",
    ),
    (
        "CH254",
        "twice",
        0.0,
        "{title}: {twice} contracts begin in another account, by their `contract_id`,"
        " while they run on in the one they came from: they count in both",
    ),
    (
        "CH246",
        "copied",
        0.0,
        "{title}: days on which nearly every row stands there twice or more, alike in"
        " all that is mapped: {copied}",
    ),
    (
        "CH267",
        "again",
        0.0,
        "{title}: {again:,} of {rows:,} rows repeat an answer of the account at the"
        " same moment, as one that was exported twice does",
    ),
    ("CH221", "empty", 0.0, "{title}: {empty:,} of {rows:,} rows have no value"),
    ("CH218", "no_user", 0.5, "{title}: {no_user:,} of {rows:,} rows have no user"),
)


def noticed(
    placed: Sequence[tuple[Part, int]], ids: Texts, *, accounts_given: bool
) -> tuple[Finding, ...]:
    """List the findings of reading, source by source; ``ids`` are those of accounts."""
    found: list[Finding] = []
    known = [i for p, _ in placed if p.opened.table == "accounts" for i in p.ids]
    for part, lost in placed:
        found += _of_rows(part)
        found += _of_times(part)
        if part.counts.get("unfilled"):
            found.append(_unfilled(part))
        if part.examples.get("telling"):
            found.append(_several(part))
        looks = (below_nothing, first_days, years_price, lacking)
        seen = (look(part) for look in looks)
        by_account = (fanned_out, nameless, amended, moved_on)
        told = (*seen, *(look(part, ids) for look in by_account))
        found += [one for one in told if one is not None]
        found += mismapped(part, ids)
        found += deleted_rows(part)
        if part.counts.get("unkept"):
            what = f"{part.opened.title}: the store cannot be written"
            found.append(finding("CH234", what, count=1, example=part.opened.name))
        if lost and accounts_given:
            found.append(_unknown(part, lost, known))
    found += _of_money([part for part, _ in placed])
    found += four_years_early([part for part, _ in placed])
    return tuple(found)


def _of_money(parts: Sequence[Part]) -> list[Finding]:
    """Tell of amounts in several currencies that are added up as one."""
    contracts = [p for p in parts if p.opened.table == "contracts"]
    valued = any(
        "value" in p.opened.columns and "currency" not in p.opened.columns
        for p in contracts
    )
    told = any("currencies" in p.counts for p in contracts)
    found = []
    for part in parts:
        n, of_accounts = part.counts, part.opened.table == "accounts"
        if "currencies" not in n or (of_accounts and (told or not valued)):
            continue
        what = (
            f"{part.opened.title}: {n['foreign']:,} of {n['rows']:,} rows are of"
            f" another currency than most, by the column {part.opened.currency!r}"
            f" ({part.examples['currencies']}), and all money is added up as one"
        )
        stops = part.opened.table == "contracts"
        found.append(
            finding(
                "CH238", what, count=n["foreign"], example=part.opened.name, stops=stops
            )
        )
    return found


def _of_rows(part: Part) -> list[Finding]:
    ids = many(part.counts.get("repeated", 0), "row repeats", "rows repeat")
    n: dict[str, object] = {"title": part.opened.title, "ids": ids, "dropped": 0}
    n |= part.counts
    n["differing"] = ""
    if otherwise := part.counts.get("otherwise"):
        n["differing"] = (
            f", {otherwise:,} of them with an id whose rows differ, most often in"
            f" {part.examples['otherwise']!r}"
        )
    return [
        finding(
            code,
            what.format_map(n),
            count=part.counts[key],
            example=part.examples.get(key, ""),
        )
        for code, key, above, what in _COUNTED
        if part.counts.get(key, 0) > above * part.counts["rows"]
    ]


def _of_times(part: Part) -> list[Finding]:
    title, n, example = part.opened.title, part.counts, part.examples
    found = []
    planned = getattr(part.opened.source, "planned", False)
    if n.get("skew") and not planned:
        what = (
            f"{title}: {n['skew']:,} of {n['rows']:,} rows were known before they"
            " happened"
        )
        if part.opened.source.timezone is None and not n.get("far_skew", 1):
            what += (
                ", none by more than 15 hours, as local times are that say no offset"
            )
        found.append(
            finding("CH207", what, count=n["skew"], example=example.get("skew", ""))
        )
    for ours in clocked(part.opened):
        local, placed = n.get(f"local {ours}", 0), n.get(f"placed {ours}", 0)
        if local and placed:
            what = (
                f"{title}: {local:,} of {n['rows']:,} rows say no offset in"
                f" {part.opened.columns[ours]!r} (our `{ours}`) and are read as UTC,"
                f" {placed} say one"
            )
            found.append(
                finding(
                    "CH239", what, count=local, example=example.get(f"local {ours}", "")
                )
            )
    missing = n.get("unknown_known", 0)
    if part.opened.table in ("events", "contracts"):
        missing = missing if "known_at" in part.opened.columns else n["rows"]
        if missing:
            own = "start" if part.opened.table == "contracts" else "happened_at"
            what = (
                f"{title}: {missing:,} of {n['rows']:,} rows say not when they became"
                f" known; `{own}` plus known_at_lag_days is used"
            )
            found.append(
                finding("CH209", what, count=missing, example=part.opened.name)
            )
    return found


def _unfilled(part: Part) -> Finding:
    names, rows = part.examples["unfilled"], part.counts["rows"]
    what = f"{part.opened.title}: mapped, and empty in all {many(rows, 'row')}: {names}"
    example = part.opened.name
    return finding("CH259", what, count=part.counts["unfilled"], example=example)


def _several(part: Part) -> Finding:
    what = (
        f"{part.opened.title}: `state` is not mapped, and the column"
        f" {part.examples['telling']!r} tells surveys apart that are read as one"
    )
    rows = part.counts["rows"]
    return finding("CH265", what, count=rows, example=part.opened.name)


def _unknown(part: Part, lost: int, known: Collection[str]) -> Finding:
    rows = part.counts["rows"]
    what = (
        f"{part.opened.title}: {lost:,} of {rows:,} rows belong to accounts that are"
        " not in the accounts source"
    )
    near = alike(set(part.ids).difference(known), known)
    if near:
        what += f"; {near} of their ids differ from one there only in {WRITTEN}"
    example = part.examples.get("lost", "")
    stops = lost > rows / 2
    return finding("CH215", what, count=lost, example=example, stops=stops)
