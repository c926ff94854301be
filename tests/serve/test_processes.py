"""What a killed worker leaves behind is not shown as if it still waited."""

import os
import subprocess
import sys

from churnhealth.serve.processes import forget_the_dead, lives


def test_only_the_live_gauges_of_the_dead_are_forgotten(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    assert (lives(os.getpid()), lives(ended.pid)) == (True, False)
    kept = {f"gauge_livesum_{os.getpid()}.db", f"counter_{ended.pid}.db", "other.db"}
    for name in (
        *kept,
        f"gauge_livesum_{ended.pid}.db",
        f"gauge_liveall_{ended.pid}.db",
    ):
        (tmp_path / name).touch()
    forget_the_dead(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == kept
