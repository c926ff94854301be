"""The pointer to the champion: whole, moved by one at a time, never forgotten."""

import json
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from tests.made import bundle_of

from churnhealth.bundle import save_bundle
from churnhealth.errors import BundleError, GateError
from churnhealth.registry import (
    Champion,
    crown,
    load_champion,
    promotions,
    read_champion,
    read_reign,
    step_back,
)

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
NAMES = ("first", "second", "third")


@cache
def made():
    """Three small bundles that differ."""
    return [bundle_of("constant", base_rate=0.05 + i / 100) for i in range(3)]


@pytest.fixture
def models(tmp_path):
    for name, bundle in zip(NAMES, made(), strict=True):
        save_bundle(bundle, tmp_path / "models" / name)
    return tmp_path / "models"


def named(name):
    return Champion(folder=name, model_version=made()[NAMES.index(name)].model_version)


def promote(models, name, over):
    over = None if over is None else named(over)
    return crown(models, named(name), over=over, at=AT, evidence={"why": "better"})


def actions(models):
    return [(t["action"], t["bundle"]["folder"]) for t in promotions(models)]


def test_nobody_is_champion_before_the_first_promotion(tmp_path):
    assert read_champion(tmp_path) is None
    assert read_champion(tmp_path / "nowhere") is None
    assert promotions(tmp_path) == []
    with pytest.raises(BundleError) as error:
        load_champion(tmp_path)
    assert error.value.code == "CH621"


def test_the_promoted_bundle_is_what_the_pointer_leads_to(models):
    promote(models, "first", None)
    champion, bundle = load_champion(models)
    assert champion == named("first") == read_champion(models)
    assert bundle.model_version == made()[0].model_version
    raw = json.loads((models / "champion.json").read_text())
    assert (raw["folder"], raw["model_version"]) == ("first", bundle.model_version)
    assert promotions(models)[0]["evidence"] == {"why": "better"}


def test_rollback_goes_back_one_champion_at_a_time(models):
    promote(models, "first", None)
    promote(models, "second", "first")
    promote(models, "third", "second")
    assert step_back(models, at=AT).champion == named("second")
    assert step_back(models, at=AT).champion == named("first")
    with pytest.raises(BundleError) as error:
        step_back(models, at=AT)
    assert error.value.code == "CH624"
    assert read_champion(models) == named("first")
    assert actions(models)[3:] == [("rolled_back", "second"), ("rolled_back", "first")]


def test_rollback_says_so_where_nothing_was_ever_promoted(models):
    with pytest.raises(BundleError) as error:
        step_back(models, at=AT)
    assert error.value.code == "CH621"


def test_rollback_never_points_at_a_bundle_that_is_gone_or_damaged(models):
    promote(models, "first", None)
    promote(models, "second", "first")
    shutil.rmtree(models / "first")
    with pytest.raises(BundleError):
        step_back(models, at=AT)
    assert read_champion(models) == named("second")


def test_a_challenger_that_beat_a_former_champion_is_refused(models):
    promote(models, "first", None)
    promote(models, "second", "first")
    with pytest.raises(GateError) as error:
        promote(models, "third", "first")
    assert (error.value.code, error.value.exit_code) == ("CH623", 3)
    assert read_champion(models) == named("second")
    assert len(promotions(models)) == 2


def test_another_model_in_the_champions_folder_is_not_served(models):
    promote(models, "first", None)
    save_bundle(made()[1], models / "first")
    with pytest.raises(BundleError) as error:
        load_champion(models)
    assert error.value.code == "CH622"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"schema_version": 1}',
        '{"schema_version": 2, "folder": "a", "model_version": "b", "before": []}',
        '{"schema_version": 1, "folder": "../a", "model_version": "b", "before": []}',
        '{"schema_version": 1, "folder": "", "model_version": "b", "before": []}',
        '{"schema_version": 1, "folder": ".a", "model_version": "b", "before": []}',
        '{"schema_version": 1, "folder": 3, "model_version": "b", "before": []}',
        '{"schema_version": 1, "folder": "a", "model_version": "b", "before": [1]}',
        b"\xff\xfe",
    ],
)
def test_a_pointer_that_is_none_is_refused_and_nothing_is_guessed(models, text):
    promote(models, "first", None)
    content = text if isinstance(text, bytes) else text.encode()
    (models / "champion.json").write_bytes(content)
    with pytest.raises(BundleError) as error:
        read_champion(models)
    assert error.value.code == "CH620"
    with pytest.raises(BundleError):
        promote(models, "second", "first")
    assert (models / "champion.json").read_bytes() == content


def test_half_a_line_in_the_journal_hides_no_other(models):
    promote(models, "first", None)
    with (models / "promotions.jsonl").open("a") as journal:
        journal.write('{"action": "promo')
    promote(models, "second", "first")
    assert actions(models) == [("promoted", "first"), ("promoted", "second")]


def test_a_change_that_a_crash_kept_out_of_the_journal_is_written_later(models):
    promote(models, "first", None)
    (models / "promotions.jsonl").unlink()
    promote(models, "second", "first")
    assert actions(models) == [("found", "first"), ("promoted", "second")]


@contextmanager
def files_of_at_most(size):
    """Let writes beyond a size end as on a full disk: a part, and then none."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(models):
    return {p.name: p.read_bytes() for p in models.iterdir() if p.is_file()}


def test_a_disk_with_room_for_half_a_line_of_the_journal_changes_nothing(models):
    promote(models, "first", None)
    promote(models, "second", "first")
    before = contents(models)
    with files_of_at_most(len(before["promotions.jsonl"]) + 40):
        with pytest.raises(OSError, match="too large"):
            promote(models, "third", "second")
        with pytest.raises(OSError, match="too large"):
            step_back(models, at=AT)
    assert contents(models) == before


def test_a_promotion_whose_pointer_finds_no_room_is_not_in_the_journal(models):
    promote(models, "first", None)
    for name, over in [("second", "first"), ("first", "second")] * 10:
        promote(models, name, over)  # who was champion stands in the pointer
    (models / "promotions.jsonl").unlink()
    before = contents(models)
    with (
        files_of_at_most(len(before["champion.json"])),
        pytest.raises(OSError, match="too large"),
    ):
        promote(models, "third", "first")
    assert read_champion(models) == named("first")
    assert actions(models) == [("found", "first")]
    assert contents(models).keys() - before.keys() == {"promotions.jsonl"}


PROMOTER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from churnhealth.errors import GateError
from churnhealth.registry import Champion, crown
models, name, version, over, over_version = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
try:
    crown(Path(models), Champion(folder=name, model_version=version),
          over=Champion(folder=over, model_version=over_version),
          at=datetime(2026, 1, 2, tzinfo=UTC), evidence={})
except GateError as error:
    print(error.code)
    sys.exit(error.exit_code)
print("won")
"""


def test_of_several_promoters_at_the_same_time_one_wins(models):
    promote(models, "first", None)
    first = named("first")
    rivals = [named("second"), named("third")] * 2
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", PROMOTER, str(models)),
                *(rival.folder, rival.model_version),
                *(first.folder, first.model_version),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rival in rivals
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].strip() for process in started]
    codes = [process.returncode for process in started]
    assert sorted(said) == ["CH623"] * 3 + ["won"]
    assert sorted(codes) == [0, 3, 3, 3]
    winner = rivals[said.index("won")]
    assert read_champion(models) == winner
    assert read_reign(models).before == (first,)
    assert actions(models)[1:] == [("promoted", winner.folder)]


def test_a_reader_sees_the_old_or_the_new_pointer_and_never_half(models):
    promote(models, "first", None)
    reader = (
        "import sys\nfrom pathlib import Path\n"
        "from churnhealth.registry import read_champion\n"
        "models, seen = Path(sys.argv[1]), set()\nprint('ready', flush=True)\n"
        "while True:\n    name = read_champion(models).folder\n    seen.add(name)\n"
        "    if name == 'third':\n        break\n"
        "print(len(seen - {'first', 'second', 'third'}))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", reader, str(models)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    for _ in range(30):
        promote(models, "second", "first")
        step_back(models, at=AT)
    promote(models, "third", "first")
    assert process.communicate(timeout=60)[0] == "0\n"
    assert process.returncode == 0
    assert not [p for p in Path(models).iterdir() if p.suffix == ".tmp"]
