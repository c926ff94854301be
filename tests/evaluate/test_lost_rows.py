"""Terms that an archive made one of are told, and how people renew is not."""

import numpy as np
import pandas as pd
import pytest

from churnhealth.config import parse_config
from churnhealth.evaluate.screen import screen
from churnhealth.pipeline import build_panel
from churnhealth.progress import Progress
from churnhealth.sources.load import load

QUESTION = {"kind": "horizon", "horizon_days": 60, "gap_days": 30}
LAST = np.datetime64("2025-06-01")


def terms_of(*, early=0, later=0.03):
    """Give yearly terms: a third leaves after the first one, fewer later."""
    draw = np.random.default_rng(1)
    first = np.datetime64("2022-01-01") + draw.integers(0, 900, 400)
    rows = []
    for i, start in enumerate(first):
        stays, year = True, 0
        while stays and (begins := start + year * 365 - bool(year) * early) < LAST:
            rows.append((f"a{i}", begins, start + (year + 1) * 365))
            stays, year = draw.random() > (later if year else 0.35), year + 1
    return pd.DataFrame(rows, columns=["account_id", "start", "end"])


def made_one(terms):
    """Keep one row of each who left."""
    ends = terms.groupby("account_id")["end"].transform("max")
    left = ends < LAST
    once = terms[left].groupby("account_id", as_index=False)
    return pd.concat([terms[~left], once.agg({"start": "min", "end": "max"})])


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (terms_of(), False),
        (terms_of(early=60), False),  # renewed before the end at which others leave
        (terms_of(later=0.2), False),
        (made_one(terms_of(later=0.2)), True),
    ],
    ids=["on time", "early", "later too", "made one"],
)
def test_terms_made_one_are_told_and_leaving_after_the_first_is_not(
    tmp_path, terms, told
):
    terms.to_csv(tmp_path / "terms.csv", index=False)
    config = parse_config(
        {"sources": {"contracts": {"path": "terms.csv"}}, "question": QUESTION},
        folder=tmp_path,
    )
    with Progress() as progress:
        panel = build_panel(config, load(config).history, progress=progress)
    found = {f.example for f in screen(panel) if f.code == "CH247"}
    assert found == ({"contracts after the first"} if told else set())
