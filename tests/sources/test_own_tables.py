"""Our own tables: what damages one file harms no reader of another."""

import multiprocessing
import os
from contextlib import suppress

import numpy as np
import pytest

from churnhealth.sources import engine
from churnhealth.sources.engine import QueryError, read_table, write_table


@pytest.fixture
def good(tmp_path):
    write_table(tmp_path / "good.parquet", {"x": np.arange(3)})
    return tmp_path / "good.parquet"


def damaged(good):
    """Write the file anew with one byte changed, for each of its bytes."""
    raw = good.read_bytes()
    for at in range(len(raw)):
        bad = good.with_name("bad.parquet")
        bad.write_bytes(raw[:at] + b"\x01" + raw[at + 1 :])
        yield bad


def test_after_a_damaged_file_the_next_one_is_read(good):
    refused = 0
    for bad in damaged(good):
        try:
            read_table(bad)
        except QueryError:
            refused += 1
        assert read_table(good)["x"].tolist() == [0, 1, 2]
    assert refused > 50


def test_nor_is_who_reads_or_writes_at_the_same_time_harmed(good):
    for bad in damaged(good):
        with suppress(QueryError):  # as another thread, which has not yet said so
            read = engine._kept(os.getpid(), "read")
            read.cursor().execute(f"FROM '{bad}'").fetchall()
        write_table(good.with_name("other.parquet"), {"x": np.arange(3)})
        assert read_table(good)["x"].tolist() == [0, 1, 2]


def test_a_file_in_the_place_of_another_is_read_anew(good):
    assert read_table(good)["x"].tolist() == [0, 1, 2]
    write_table(good, {"x": np.arange(3) + 7})
    assert read_table(good)["x"].tolist() == [7, 8, 9]


def test_a_forked_process_reads_what_its_parent_wrote(good):
    child = multiprocessing.get_context("fork").Process(target=read_table, args=(good,))
    child.start()
    child.join(10)
    child.kill()
    assert child.exitcode == 0
