"""Two runs of different days at once: the later one is compared with the earlier."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

from tests.made import bundle_of, write_files

from churnhealth.archive.runs import bands_of
from churnhealth.bundle import save_bundle
from churnhealth.commands.tell import score_cohort
from churnhealth.folders import locked
from churnhealth.progress import Progress
from churnhealth.sources.contract import day_of
from churnhealth.sources.engine import read_table

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DAYS = [date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1)]


def test_of_runs_at_once_each_sees_the_one_that_was_written_before(tmp_path):
    config = write_files(tmp_path, accounts=60)
    save_bundle(bundle_of("rules"), tmp_path / "model")
    together = Barrier(len(DAYS))

    def score(day):
        together.wait()
        with Progress() as progress:
            score_cohort(
                config,
                bundle_folder=tmp_path / "model",
                out=tmp_path / "scores",
                as_of=day_of(day),
                file_format="parquet",
                now=NOW,
                progress=progress,
            )

    with ThreadPoolExecutor(len(DAYS)) as pool:
        list(pool.map(score, DAYS))
    runs = [read_table(tmp_path / "scores" / str(d) / "scores.parquet") for d in DAYS]
    # who wrote first had nothing before it; whoever wrote later saw all earlier days
    order = [(tmp_path / "scores" / "history" / f"{d}.1.parquet").stat().st_mtime_ns
             for d in DAYS]  # fmt: skip
    for i, run in enumerate(runs):
        seen = [j for j in range(i) if order[j] < order[i]]
        before = bands_of(runs[seen[-1]]) if seen else {}
        wanted = [before.get(a) for a in run["account_id"].tolist()]
        assert run["previous_band"].tolist() == wanted


def test_whoever_holds_a_folder_may_hold_it_again(tmp_path):
    with locked(tmp_path), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
