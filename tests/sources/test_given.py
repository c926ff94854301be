"""A value of a request is taken as loading takes it."""

import sys

import pyarrow as pa

from churnhealth.sources.engine import connect, trimmed
from churnhealth.sources.given import BLANKS


def test_a_request_trims_what_loading_trims_and_nothing_else():
    """With a tab behind it an id of a spreadsheet is the same id in a request."""
    codes = [c for c in range(1, sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    around = pa.table({"code": codes, "x": [f"{chr(c)}a{chr(c)}" for c in codes]})
    with connect() as con:
        con.register("around", around)
        bare = f"SELECT code FROM around WHERE {trimmed('x')} = 'a'"
        found = {chr(code) for (code,) in con.execute(bare).fetchall()}
    assert found == set(BLANKS)
