"""Tables with a column for each month, as finance keeps its schedule of revenue."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["TO_ROWS", "across"]

_YEAR = r"(\d{2}|(19|20)\d{2})"
# as they begin in English, German, French, Spanish, Italian, Portuguese, Dutch
_NAMED = (
    "jan|ene|gen|feb|f[eé]v|mar|m[aä]r|mrt|mrz|apr|avr|abr|ma[iyjg]|jun|jui|giu|jul|lug"
    "|aug|ao[uû]|ago|sep|set|o[ck]t|out|ott|nov|de[cz]|d[ié]c"
)
_MONTH = re.compile(
    # 2024-01, 2024-01-31, 01/2024, 31.01.2024, Jan-24, January 2024, Q1 2024, 2024 M01
    rf"(19|20)\d{{2}}[-/. ]?[MQ]?\d{{1,2}}([-/.]?\d{{2}}( 00:00:00)?)?"
    rf"|(\d{{1,2}}[-/. ])?\d{{1,2}}[-/. ]{_YEAR}"
    rf"|(\d{{1,2}}[-/. ])?(({_NAMED})[^\W\d_]*\.?|[MQ]\d{{1,2}})[-/. ']*{_YEAR}",
    re.IGNORECASE,
)
TO_ROWS = (
    "it has a column for each month: `unpivot` in `sql` makes a row of each (docs/"
    'your-data.md, "A column for each month")'
)


def across(names: Collection[str]) -> bool:
    """Say whether most of a table's columns are called after months.

    >>> across(["Customer", "Jan-24", "Feb-24", "Mar-24"])
    True
    >>> across(["customer", "start", "end", "step 10"])
    False
    """
    return 2 * sum(_MONTH.fullmatch(n.strip()) is not None for n in names) > len(names)
