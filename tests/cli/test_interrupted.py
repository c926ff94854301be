"""Who presses Ctrl-C gets the prompt back, and no traceback; nor is anything left."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

PROJECT = """
[sources.contracts]
sql = '''
select * from read_csv('{root}/rows.fifo', header = true, delim = ',', quote = '',
  auto_detect = false, columns = {'account_id': 'VARCHAR', 'start': 'DATE'})
'''
"""


def listen():
    """Hear the signals, even where whoever runs the tests does not."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_DFL)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_leaves_no_traceback_and_no_copy_of_rows(
    tmp_path, sent
):
    (tmp_path / "churnhealth.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "temporary").mkdir()
    os.mkfifo(tmp_path / "rows.fifo")
    process = subprocess.Popen(
        [sys.executable, "-m", "churnhealth", "check"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        preexec_fn=listen,
    )
    # it opens once the query reads from the other end
    with suppress(BrokenPipeError), (tmp_path / "rows.fifo").open("w") as rows:
        rows.write("account_id,start\n")
        rows.flush()
        process.send_signal(sent)
        for i in range(5_000_000):
            rows.write(f"a{i},2025-01-01\n")
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (130, 128 + sent)  # DuckDB says 130 of all of them
    assert "Traceback" not in errors
    assert list((tmp_path / "temporary").iterdir()) == []
