"""Who presses Ctrl-C gets the prompt back, and no traceback."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

PROJECT = """
[sources.contracts]
sql = '''
select * from read_csv('{root}/rows.fifo', header = true, delim = ',', quote = '',
  auto_detect = false, columns = {'account_id': 'VARCHAR', 'start': 'DATE'})
'''
"""


def listen():
    """Hear Ctrl-C, even where whoever runs the tests does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_query_that_is_interrupted_ends_without_a_traceback(tmp_path):
    (tmp_path / "churnhealth.toml").write_text(PROJECT, encoding="utf-8")
    os.mkfifo(tmp_path / "rows.fifo")
    process = subprocess.Popen(
        [sys.executable, "-m", "churnhealth.cli", "check"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen,
    )
    # it opens once the query reads from the other end
    with suppress(BrokenPipeError), (tmp_path / "rows.fifo").open("w") as rows:
        rows.write("account_id,start\n")
        rows.flush()
        process.send_signal(signal.SIGINT)
        for i in range(5_000_000):
            rows.write(f"a{i},2025-01-01\n")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
