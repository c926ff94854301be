"""Reports of the simulated company, one for each question."""

from functools import cache

import pytest
from tests.made import RENEWAL, SILENCE, panel_of, settings

from churnhealth.config import Model
from churnhealth.pipeline import judge
from churnhealth.progress import Progress

SECTIONS = {
    "horizon": {},
    "renewal": {"question": RENEWAL},
    "silence": {"question": SILENCE},
}
every_question = pytest.mark.parametrize("kind", SECTIONS)


def judged_with(seen, ladder=None, **sections):
    config = settings(**sections)
    if ladder is not None:
        config = config.model_copy(update={"model": Model(ladder=ladder)})
    with Progress() as progress:
        return judge(config, seen, progress=progress)


@cache
def told(kind):
    return judged_with(panel_of(kind), **SECTIONS[kind])


def report_of(kind):
    return told(kind)[1]
