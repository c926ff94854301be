"""Money in several currencies: turned into one by constant rates, or told about.

Worked example: with ``[company] rates = { EUR = 1, SEK = 0.088 }`` and `currency`
mapped, a contract of 1,000 SEK a month is worth 88. Without rates two currencies are
refused, and where the column that tells them is not mapped they are a finding: nothing
is added up that is not of one kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from churnhealth.sources.engine import Connection, literal, quoted
from churnhealth.sources.problems import Problem
from churnhealth.sources.written import folded

__all__ = ["MONEY", "exchanged", "looks_like_currency", "seen_currencies", "unrated"]

MONEY: Mapping[str, str] = {"contracts": "value", "events": "amount"}
"""Which column of each table is money."""

_NAME = re.compile(
    r"(^|[\s_.])(currency|ccy|währung|waehrung|devise|moneda|valuta)"
    r"([\s_]?(iso)?[\s_]?(code|id))?$|^currencyisocode$"
)
_CODE = r"[A-Z]{2,4}|[€$£¥]"
_DECIMALS = 4


def looks_like_currency(names: Iterable[str]) -> str | None:
    """Find the first column whose name says that it holds a currency.

    >>> looks_like_currency(["id", "mrr_currency"]), looks_like_currency(["current"])
    ('mrr_currency', None)
    """
    return next((n for n in names if _NAME.search(folded(n))), None)


def _code_of(column: str) -> str:
    return f"upper(coalesce({column}, ''))"


def exchanged(amount: str, currency: str, rates: Mapping[str, float]) -> str:
    """Write an amount in the company's currency; null where there is no rate.

    >>> exchanged("x", "c", {"sek": 0.5})
    "round((x) * CASE upper(coalesce(c, '')) WHEN 'SEK' THEN 0.5::DOUBLE END, 4)"
    """
    cases = "".join(
        f" WHEN {literal(code.upper())} THEN {rate!r}::DOUBLE"
        for code, rate in rates.items()
    )
    return f"round(({amount}) * CASE {_code_of(currency)}{cases} END, {_DECIMALS})"


def unrated(
    con: Connection, typed: str, title: str, rates: Mapping[str, float]
) -> list[Problem]:
    """List the currencies of a mapped column that have no rate and need one.

    Money of one currency alone needs none.
    """
    code = _code_of("currency")
    found = con.execute(
        f"SELECT {code} AS code, count(*) FROM {typed} WHERE priced"  # noqa: S608
        " GROUP BY ALL ORDER BY count(*) DESC, code"
    ).fetchall()
    known = {name.upper() for name in rates}
    lacking = [(str(c), int(n)) for c, n in found if c not in known]
    if not lacking or (not rates and len(found) == 1):
        return []
    rows = sum(n for _, n in lacking)
    named = [c for c, _ in lacking if re.fullmatch(_CODE, c)][:5]
    which = f" ({', '.join(named)})" if named else ""
    # no number that nobody gave: pasted as it is, it must not add up kronor and euros
    worth = ["?" if rates or i else "1" for i in range(len(named) or 1)]
    given = ", ".join(map("{} = {}".format, named or ["EUR"], worth))
    return [
        Problem(
            code="CH116",
            what=f"{title}: {_rows_in(rows, len(lacking))} without a rate{which};"
            " an empty one counts as one",
            fix=f"say what one of each is worth: [company] rates = {{ {given} }}"
            if named or not rates
            else "fill the column, in `sql` with coalesce(currency, 'EUR'), or leave"
            " those rows out with `where`",
        )
    ]


def _rows_in(rows: int, currencies: int) -> str:
    """Count rows and currencies in words.

    >>> _rows_in(1, 1), _rows_in(3, 2)
    ('1 row with money is in 1 currency', '3 rows with money are in 2 currencies')
    """
    money = "row with money is" if rows == 1 else "rows with money are"
    kind = "currency" if currencies == 1 else "currencies"
    return f"{rows} {money} in {currencies} {kind}"


def seen_currencies(
    con: Connection, typed: str, column: str
) -> tuple[int, int, str] | None:
    """Count currencies that nobody mapped, the rows not in the first, and name some.

    ``None`` where there are not several, or the column holds something else.
    """
    code = _code_of(quoted(column))
    found = con.execute(
        f"SELECT {code} AS code, count(*) FROM {typed} WHERE {code} <> ''"  # noqa: S608
        " GROUP BY ALL ORDER BY count(*) DESC, code LIMIT 200"
    ).fetchall()
    codes = [str(c) for c, _ in found]
    if len(codes) < 2 or not all(re.fullmatch(_CODE, c) for c in codes):
        return None
    return len(codes), sum(int(n) for _, n in found[1:]), ", ".join(codes[:3])
