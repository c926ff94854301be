"""Sorted events kept between runs come back as they were, or are read anew."""

import numpy as np
import pytest

from churnhealth.sources.contract import EVENT_COLUMNS
from churnhealth.sources.load import load

EVENTS = (
    "account_id,happened_at,event,user_id,amount\n"
    "a2,2025-03-02,login,u1,1.5\na1,2025-03-01,export,u2,\na1,2025-03-01,login,,2\n"
)
ACCOUNTS = {"path": "accounts.csv"}


@pytest.fixture
def stored(company, tmp_path):
    """Load the company with a store; what is given replaces a file or a key."""

    def run(*, events=EVENTS, accounts="account_id\na0\na1\na2\n", source=(), **keys):
        files = {"events.csv": events, "accounts.csv": accounts}
        keys = {"store": "kept", "accounts": ACCOUNTS, **keys}
        product = {"name": "product", "path": "events.csv", **dict(source)}
        return load(company(files=files, events=[product], sources=keys))

    return run


def folders(tmp_path):
    return sorted(p for p in (tmp_path / "kept").iterdir() if p.is_dir())


def same(one, other):
    assert one.digest == other.digest
    assert [f.code for f in one.findings] == [f.code for f in other.findings]
    (ours,), (theirs,) = one.history.events, other.history.events
    assert ours.vocabulary == theirs.vocabulary
    assert ours.coverage == theirs.coverage
    assert ours.people.tolist() == theirs.people.tolist()
    for name in EVENT_COLUMNS:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), name)


def test_a_second_run_finds_what_the_first_one_sorted(stored, tmp_path):
    without = stored(store=None)
    assert not (tmp_path / "kept").exists()
    first = stored()
    (folder,) = folders(tmp_path)
    written = (folder / "about.txt").stat().st_mtime_ns
    second = stored()
    same(first, without)
    same(second, without)
    assert folders(tmp_path) == [folder]
    assert (folder / "about.txt").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "change",
    [
        {"events": EVENTS.replace("1.5", "1.6")},
        {"known_at_lag_days": 3},
        {"source": {"where": "event = 'login'"}},
        {"source": {"category": "value"}},
    ],
    ids=["content", "lag", "where", "category"],
)
def test_what_decides_how_rows_come_out_is_read_anew(stored, tmp_path, change):
    before = stored()
    assert stored(**change).digest != before.digest
    assert len(folders(tmp_path)) == 2


def test_only_the_newest_versions_are_kept(stored, tmp_path):
    for amount in range(5):
        stored(events=EVENTS.replace("1.5", f"{amount}.25"))
    assert len(folders(tmp_path)) == 2


def test_a_folder_that_somebody_else_put_there_is_left_alone(stored, tmp_path):
    foreign = tmp_path / "kept" / f"product-{'x' * 24}"
    foreign.mkdir(parents=True)
    (foreign / "mine.txt").write_text("mine")
    for amount in range(4):
        stored(events=EVENTS.replace("1.5", f"{amount}.25"))
    assert (foreign / "mine.txt").read_text() == "mine"


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-8])


def bent(path):
    raw = bytearray(path.read_bytes())
    raw[raw.find(b"a2") if raw.find(b"a2") > 0 else -5] ^= 2
    path.write_bytes(raw)


def emptied(path):
    path.write_bytes(b"")


def removed(path):
    path.unlink()


@pytest.mark.parametrize("harm", [cut_short, bent, emptied, removed])
@pytest.mark.parametrize("name", ["word_0.npy", "about.txt"])
def test_a_harmed_store_is_read_anew_and_mended(stored, tmp_path, harm, name):
    first = stored()
    (folder,) = folders(tmp_path)
    harm(folder / name)
    same(stored(), first)
    written = (folder / "about.txt").stat().st_mtime_ns
    same(stored(), first)
    assert (folder / "about.txt").stat().st_mtime_ns == written


def test_other_accounts_change_the_numbers_and_not_the_store(stored, tmp_path):
    stored()
    fewer = stored(accounts="account_id\na2\n")
    assert len(folders(tmp_path)) == 1
    assert fewer.history.events[0].account.tolist() == [0]
    assert [f.count for f in fewer.findings if f.code == "CH215"] == [1, 2]


def test_a_store_that_cannot_be_written_costs_time_and_nothing_else(stored, tmp_path):
    without = stored(store=None)
    (tmp_path / "kept").write_text("a file where the folder should be")
    loaded = stored()
    assert loaded.digest == without.digest
    assert [f.code for f in loaded.findings if f.code == "CH234"] == ["CH234"]


def test_a_query_is_not_kept(company, tmp_path):
    events = [{"name": "product", "sql": "select * from '{root}/events.csv'"}]
    load(company(events=events, sources={"store": "kept"}))
    assert not (tmp_path / "kept").exists()
