"""How values are written: the patterns of `formats`, and which of them would fit.

``"%d.%m.%Y"`` reads 31.01.2025, ``"unix seconds"`` reads 1738281600, ``"1.234,50"``
reads what a German spreadsheet writes, ``"cents"`` a price in hundredths,
``"00000"`` gives ids back the zeros that a number has lost, and ``"lower"`` makes one
of ids that differ in capitals.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal

from churnhealth.sources.engine import Connection, QueryError, literal, quoted, trimmed

__all__ = [
    "FIRST",
    "LAST",
    "Family",
    "currencies_in",
    "empty_words",
    "family_of",
    "fitting",
    "folded",
    "hides_thousands",
    "id_as_written",
    "is_counted",
    "means_nothing",
    "number_as_written",
    "time_as_written",
    "toml_key",
    "understood",
    "without_nanoseconds",
]

Family = Literal["dates", "numbers", "ids"]

FIRST, LAST = "TIMESTAMP '1900-01-01'", "TIMESTAMP '2200-01-01'"

# by pattern: how many microseconds one is, and where 0 lies as seen from 1970
_COUNTED: Mapping[str, tuple[int, int]] = {
    "unix seconds": (1_000_000, 0),
    "unix milliseconds": (1_000, 0),
    "spreadsheet days": (86_400_000_000, -2_209_161_600_000_000),
    "spreadsheet days 1904": (86_400_000_000, -2_082_844_800_000_000),
}
_CENTS = "cents"
# by pattern: what stands between thousands, and before the decimals
_NUMBERS: Mapping[str, tuple[str, str]] = {
    "1.234,50": (".", ","),
    "1,234.50": (",", "."),
}
_BELOW = r"^(?:\((\d[\d.,]*)\)|(\d[\d.,]*)[-−]|[−](\d[\d.,]*))$"  # (1.50), 1.50-, −1.50
_SIGN = r"[A-Z]{0,2}\p{Sc}"  # of a currency: €, US$
_CODES = (  # of currencies; any other three letters may be those of an id
    r"(?:"
    r"AED|AFN|ALL|AMD|ANG|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BGN|BHD|BIF|BMD|BND|BOB|"
    r"BRL|BSD|BTN|BWP|BYN|BZD|CAD|CDF|CHF|CLF|CLP|CNH|CNY|COP|CRC|CUP|CVE|CZK|DJF|"
    r"DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GEL|GHS|GIP|GMD|GNF|GTQ|GYD|HKD|HNL|"
    r"HRK|HTG|HUF|IDR|ILS|INR|IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|KHR|KMF|KPW|KRW|KWD|"
    r"KYD|KZT|LAK|LBP|LKR|LRD|LSL|LYD|MAD|MDL|MGA|MKD|MMK|MNT|MOP|MRU|MUR|MVR|MWK|"
    r"MXN|MYR|MZN|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP|PKR|PLN|PYG|QAR|RMB|"
    r"RON|RSD|RUB|RWF|SAR|SBD|SCR|SDG|SEK|SGD|SHP|SLE|SOS|SRD|SSP|STN|SVC|SYP|SZL|"
    r"THB|TJS|TMT|TND|TOP|TRY|TTD|TWD|TZS|UAH|UGX|USD|UYU|UZS|VED|VES|VND|VUV|WST|"
    r"XAF|XCD|XOF|XPF|YER|ZAR|ZMW|ZWG)"
)
_DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d"),
    *("%d-%b-%Y", "%d-%b-%y", "%d %b %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%d %B %Y"),
)
_PERIODS = ("%G-W%V", "%Y-%m", "%m/%Y", "%b %Y", "%b-%y", "%B %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_CANDIDATES: Mapping[Family, tuple[str, ...]] = {
    "dates": (
        *(p for p in _COUNTED if "1904" not in p),  # rare, and never tells itself
        *(day + clock for clock in _CLOCKS for day in _DAYS),
        "%Y-%m-%d %H:%M:%S %z",
        *_PERIODS,
    ),
    "numbers": tuple(_NUMBERS),
    "ids": (),
}
_NOTHING = (
    *(
        "null",
        "(null)",
        "none",
        "nil",
        "nat",
        "na",
        "n/a",
        "#n/a",
        r"\n",
        "-",
        "--",
        "?",
    ),
    *("0000-00-00", "0000-00-00 00:00:00"),
)
_NO_ID = frozenset((*_NOTHING, "nan", "<na>", "undefined"))
_LOOKED_AT = 10_000
_LIKELY = 0.5


def toml_key(name: str) -> str:
    """Write a column's name as a key of a TOML file.

    >>> toml_key("mrr"), toml_key("valid until")
    ('mrr', '"valid until"')
    """
    return (
        name
        if re.fullmatch(r"[\w-]+", name, re.ASCII)
        else json.dumps(name, ensure_ascii=False)
    )


def folded(name: str) -> str:
    r"""Fold what does not tell two columns' names apart: capitals, and how ö is coded.

    >>> folded("Ero\u0308ffnet\u00a0am\t") == folded("eröffnet am")
    True
    """
    return unicodedata.normalize("NFKC", name).casefold().strip()


def family_of(pattern: str) -> Family | None:
    """Say what a pattern reads; ``None`` when it is none that we know.

    >>> [family_of(p) for p in ("%d.%m.%Y", "cents", "0000", "german")]
    ['dates', 'numbers', 'ids', None]
    >>> family_of("upper")
    'ids'
    """
    if pattern in _COUNTED or "%" in pattern:
        return "dates"
    if pattern in _NUMBERS or pattern == _CENTS:
        return "numbers"
    return "ids" if re.fullmatch("0+|lower|upper", pattern) else None


def is_counted(pattern: str) -> bool:
    """Say whether a pattern counts from 1970, in UTC wherever it was written.

    >>> is_counted("unix seconds"), is_counted("spreadsheet days")
    (True, False)
    """
    return pattern.startswith("unix")


def understood(con: Connection, pattern: str) -> bool:
    """Say whether a pattern can be used: ``%Q`` stands for nothing.

    >>> from churnhealth.sources.engine import connect
    >>> with connect() as con:
    ...     understood(con, "%d.%m.%Y"), understood(con, "%Q"), understood(con, "5")
    (True, False, False)
    """
    try:
        con.execute(f"SELECT try_strptime('', {literal(pattern)})")
    except QueryError:
        return False
    return family_of(pattern) is not None


def time_as_written(theirs: str, pattern: str) -> str:
    """Write the UTC timestamp of a column; null where the pattern does not fit."""
    text = trimmed(f"CAST({quoted(theirs)} AS VARCHAR)")
    if pattern in _COUNTED:
        unit, zero = _COUNTED[pattern]
        n = f"(TRY_CAST({text} AS DOUBLE) * {unit})"
        micros = f"CAST(round({n}) AS BIGINT) + ({zero})"
        return f"(CASE WHEN abs({n}) < 1e16 THEN make_timestamp({micros}) END)"
    made = f"try_strptime({text}, {literal(pattern)})"
    if "%n" in pattern:
        return without_nanoseconds(made)
    return f"(CAST({made} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"


def without_nanoseconds(time: str) -> str:
    """Write a time to the microsecond; a cast would round the end of a day up."""
    return f"make_timestamp(epoch_ns({time}) // 1000)"


def number_as_written(theirs: str, native: str, pattern: str) -> str:
    """Write the number of a column; null where the pattern does not fit.

    Signs and codes of a currency, blanks and apostrophes are no part of a number;
    thousands stand in threes, so that 1.23 is not taken for 123. Books write what is
    below zero in brackets, or with its minus behind.
    """
    q = quoted(theirs)
    if pattern == _CENTS:
        return f"(TRY_CAST({q} AS DOUBLE) / 100.0)"
    if native != "VARCHAR":
        return f"TRY_CAST({q} AS DOUBLE)"
    between, before = _NUMBERS[pattern]
    signs = literal(rf"[\s\x{{A0}}\x{{202F}}'’]|{_SIGN}|^\s*{_CODES}|{_CODES}\s*$")
    bare = f"regexp_replace({q}, {signs}, '', 'g')"
    bare = f"regexp_replace({bare}, {literal(_BELOW)}, '-\\1\\2\\3')"
    fits = literal(rf"[+-]?(?:\d+|\d{{1,3}}(?:[{between}]\d{{3}})+)(?:[{before}]\d+)?")
    plain = f"replace(replace({bare}, {literal(between)}, ''), {literal(before)}, '.')"
    return (
        f"(CASE WHEN regexp_full_match({bare}, {fits})"
        f" THEN TRY_CAST({plain} AS DOUBLE) END)"
    )


def currencies_in(con: Connection, rows: str, theirs: str) -> list[str]:
    """List the signs and codes of currencies that amounts are written with.

    >>> from churnhealth.sources.engine import connect
    >>> with connect() as con:
    ...     rows = "(SELECT unnest(['$ 5', '6', 'EUR 7', '8 EUR', 'R$ 9']) AS x)"
    ...     currencies_in(con, rows, "x")
    ['$', 'EUR', 'R$']
    """
    mark = f"regexp_extract({quoted(theirs)}, {literal(f'{_SIGN}|{_CODES}')})"
    sql = f"SELECT DISTINCT {mark} AS mark FROM {rows} ORDER BY mark"  # noqa: S608
    return [str(mark) for (mark,) in con.execute(sql).fetchall() if mark]


def id_as_written(text: str, pattern: str) -> str:
    """Write an id in small letters, in capitals, or filled up with leading zeros."""
    if pattern in ("lower", "upper"):
        return f"{pattern}({text})"
    width = len(pattern)
    return (
        f"(CASE WHEN length({text}) < {width} AND regexp_full_match({text}, '[0-9]+')"
        f" THEN lpad({text}, {width}, '0') ELSE {text} END)"
    )


def fitting(
    con: Connection, rows: str, theirs: str, native: str, family: Family
) -> list[str]:
    """List the patterns that read the most of a column, if they read half of it.

    >>> from churnhealth.sources.engine import connect
    >>> with connect() as con:
    ...     rows = "(SELECT unnest(['03/02/2025', '04/02/2025']) AS x)"
    ...     one = fitting(con, rows, "x", "VARCHAR", "dates")
    ...     rows = "(SELECT unnest(['03/02/2025', '24/02/2025']) AS x)"
    ...     one, fitting(con, rows, "x", "VARCHAR", "dates")
    (['%d/%m/%Y', '%m/%d/%Y'], ['%d/%m/%Y'])
    """
    q = quoted(theirs)
    text = trimmed(f"CAST({q} AS VARCHAR)")
    sample = f"SELECT {q} AS given, {text} AS bare FROM {rows}"  # noqa: S608
    try:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE fitting_sample AS {sample}"
            f" WHERE nullif({text}, '') IS NOT NULL LIMIT {_LOOKED_AT}"
        )
        of, plain = _count(con, ["true", "TRY_CAST(given AS DOUBLE) IS NOT NULL"])
        least = max(1, _LIKELY * of, plain + 1 if family == "numbers" else 0)
        patterns: Sequence[str] = _CANDIDATES[family]
        each = _count(con, [_fits(p, native) for p in patterns])
        if family == "dates":  # what lies too far off is asked of few: it takes longer
            patterns = [p for p, n in zip(patterns, each, strict=True) if n >= least]
            each = _count(con, [_is_near(p) for p in patterns])
    except QueryError:  # a file that breaks off is told of elsewhere
        return []
    best = max(each, default=0)
    return [p for p, n in zip(patterns, each, strict=True) if n == best >= least]


def _count(con: Connection, conditions: Sequence[str]) -> list[int]:
    if not conditions:
        return []
    asked = ", ".join(f"count(*) FILTER ({c})" for c in conditions)
    found = con.execute(f"SELECT {asked} FROM fitting_sample").fetchall()  # noqa: S608
    return list(map(int, found[0]))


def _fits(pattern: str, native: str) -> str:
    if pattern in _COUNTED:
        return "TRY_CAST(given AS DOUBLE) IS NOT NULL"
    if family_of(pattern) == "dates":
        return f"try_strptime(bare, {literal(pattern)}) IS NOT NULL"
    return f"{number_as_written('given', native, pattern)} IS NOT NULL"


def _is_near(pattern: str) -> str:
    # a small number may be a day of long ago, but nobody means it
    low = "TIMESTAMP '1980-01-01'" if pattern in _COUNTED else FIRST
    time = time_as_written("given", pattern)
    return f"{time} >= {low} AND {time} < {LAST}"


def empty_words(con: Connection, rows: str, theirs: str) -> list[str]:
    """List what stands for nothing in a column, as databases and spreadsheets write it.

    >>> from churnhealth.sources.engine import connect
    >>> with connect() as con:
    ...     empty_words(con, "(SELECT unnest(['NULL', '7', 'soon']) AS x)", "x")
    ['NULL']
    """
    x = trimmed(f"CAST({quoted(theirs)} AS VARCHAR)")
    listed = ", ".join(map(literal, _NOTHING))
    sql = f"SELECT DISTINCT {x} AS word FROM {rows} WHERE lower({x}) IN ({listed})"  # noqa: S608
    return [str(word) for (word,) in con.execute(f"{sql} ORDER BY word").fetchall()]


def means_nothing(text: str) -> bool:
    """Say whether an id is what a database or spreadsheet writes where it has none.

    >>> [means_nothing(text) for text in ("NULL", "#N/A", "nan", "Ann")]
    [True, True, True, False]
    """
    return text.lower() in _NO_ID


def hides_thousands(con: Connection, rows: str, columns: Sequence[str]) -> list[str]:
    """List the text columns whose points part thousands, not decimals.

    All numbers with a point have three digits behind it, and those without one stop
    below a thousand: 950 and 1.200 are read as a price and a seven-hundredth of it.

    >>> from churnhealth.sources.engine import connect
    >>> with connect() as con:
    ...     rows = "(SELECT unnest(['950', '1.200', '1.350', '12.400']) AS x)"
    ...     hides_thousands(con, rows, ["x"])
    ['x']
    """
    if not columns:
        return []
    pointed, small = r"'[1-9]\d{0,2}\.\d{3}'", r"'\d{1,3}'"
    bare = ", ".join(f"{trimmed(quoted(c))} AS x{i}" for i, c in enumerate(columns))
    asked = [
        f"count(DISTINCT x{i}) FILTER (regexp_full_match(x{i}, {pointed})) > 2"
        f" AND count(*) FILTER (regexp_full_match(x{i}, {small})) > 0"
        f" AND bool_and(x{i} = '' OR x{i} IS NULL OR regexp_full_match(x{i}, {pointed})"
        f" OR regexp_full_match(x{i}, {small}))"
        for i, _ in enumerate(columns)
    ]
    sample = f"SELECT {bare} FROM {rows} LIMIT {_LOOKED_AT}"  # noqa: S608
    found = con.execute(f"SELECT {', '.join(asked)} FROM ({sample})").fetchall()[0]  # noqa: S608
    return [c for c, yes in zip(columns, found, strict=True) if yes]
