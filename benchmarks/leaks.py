"""Kinds of leak, planted one at a time; and clean companies, to be let off.

Each plant changes the files of a simulated company as careless exports do. Caught means
that a finding names it that the clean company does not have.

    python benchmarks/leaks.py --clean 20
"""

import argparse
import re
import shutil
import sys
import tempfile
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from leak_plants import PLANTS, Files

from churnhealth.config import read_config
from churnhealth.evaluate.screen import screen
from churnhealth.gathering import check_sources
from churnhealth.pipeline import build_panel
from churnhealth.progress import Progress
from churnhealth.simulated.company import simulate, write_company

LEAKS = {"CH213", "CH214", "CH222", "CH233", "CH247", "CH248", "CH251", "CH252"}
LEAKS |= {"CH212", "CH256", "CH290", "CH291", *(f"CH{n}" for n in range(225, 232))}


def found_in(data, plant=None):
    """Give what is found in a company's files, and in how many columns it looked.

    A plant is put into a copy of them.
    """
    with tempfile.TemporaryDirectory() as place, Progress() as progress:
        folder = Path(place)
        shutil.copytree(data, folder / "data")
        f = Files(folder)
        if plant is not None:
            plant(f)
        (folder / "demo.toml").write_text(f.config, encoding="utf-8")
        config = read_config(folder / "demo.toml")
        today = date(2026, 1, 1)
        loaded, findings = check_sources(config, today=today, progress=progress)
        panel = build_panel(config, loaded.history, progress=progress)
        columns = len(panel.specs) + len(config.sources.accounts.attributes)
        found = {(f.code, f.example) for f in (*findings, *screen(panel))}
        return found, columns


@contextmanager
def written(*, accounts, seed):
    """Write a clean company's files, for as long as they are looked at."""
    with tempfile.TemporaryDirectory() as place:
        company = simulate(accounts=accounts, seed=seed)
        write_company(company, Path(place), file_format="csv")
        yield Path(place)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=400)
    parser.add_argument("--clean", type=int, default=20)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    caught = 0
    with written(accounts=given.accounts, seed=given.seed) as data:
        usual, _ = found_in(data)
        for plant, codes in PLANTS.items():
            found, _ = found_in(data, plant)
            new = sorted({code for code, _ in found - usual} & codes)
            caught += bool(new)
            name = re.sub("_", " ", plant.__name__)
            told = "caught" if new else "MISSED"
            print(f"{told}  {name:<28} {' '.join(new)}", flush=True)
    print(f"{caught} of {len(PLANTS)} kinds caught")
    accused, looked = 0, 0
    for seed in range(100, 100 + given.clean):
        with written(accounts=given.accounts, seed=seed) as data:
            found, columns = found_in(data)
        odd = [f for f in found if f[0] in LEAKS]
        accused, looked = accused + len(odd), looked + columns
        print(f"clean {seed}: {odd or 'nobody accused'} of {columns}", flush=True)
    if looked:
        print(f"{accused} of {looked} clean columns accused: {accused / looked:.2%}")
    sys.exit(caught < len(PLANTS) - 1 or accused > 0.01 * looked)


if __name__ == "__main__":
    main()
