"""Progress is drawn on terminals only; times are always collected."""

import io
import subprocess
import sys

import pytest

from churnhealth.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def ticking(*times):
    left = iter(times)
    return lambda: next(left)


def test_a_stage_is_timed():
    progress = Progress(stream=io.StringIO(), clock=ticking(1.0, 4.0))
    with progress.stage("features"):
        pass
    assert progress.times() == {"features": 3.0}


def test_the_same_stage_twice_adds_up():
    progress = Progress(stream=io.StringIO(), clock=ticking(0.0, 1.0, 5.0, 7.0))
    for _ in range(2):
        with progress.stage("fold"):
            pass
    assert progress.times() == {"fold": 3.0}


def test_an_inner_stage_is_named_but_not_added_twice():
    progress = Progress(stream=io.StringIO(), clock=ticking(0.0, 1.0, 3.0, 4.0))
    with progress.stage("train"), progress.stage("fit"):
        pass
    assert progress.times() == {"train / fit": 2.0, "train": 4.0}
    assert progress.line() == "train 4.0 s · total 4.0 s"


def test_nothing_is_written_when_nobody_watches():
    stream = io.StringIO()
    with Progress(stream=stream) as progress, progress.stage("read", total=3):
        progress.advance(2)
    assert stream.getvalue() == ""
    assert list(progress.times()) == ["read"]


def test_a_terminal_sees_the_stage_and_the_times_at_the_end():
    stream = Terminal()
    clock = ticking(0.0, 0.0, 2.0, 9.0)
    with Progress(stream=stream, clock=clock) as progress, progress.stage("features"):
        progress.advance(4)
        with progress.stage("account [bold]x", total=10):
            progress.advance()
    shown = stream.getvalue()
    assert "features" in shown
    assert shown.endswith("features 9.0 s · total 9.0 s\n")


def test_a_failure_inside_is_timed_and_passed_on_and_no_summary_is_claimed():
    stream = Terminal()
    progress = Progress(stream=stream, clock=ticking(0.0, 2.0))
    with pytest.raises(KeyError), progress, progress.stage("read"):
        raise KeyError("x")
    assert progress.times() == {"read": 2.0}
    assert "total" not in stream.getvalue()


def test_advancing_outside_a_stage_does_no_harm():
    Progress(stream=io.StringIO()).advance()


def test_rich_is_loaded_only_for_a_terminal():
    code = (
        "import sys\nfrom churnhealth.progress import Progress\n"
        "with Progress() as p, p.stage('a'): pass\n"
        "assert 'rich' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


NOTEBOOK = """
import churnhealth.progress as p
with p.Progress() as progress:
    with progress.stage("<read>", total=3):
        progress.advance(3)
progress.line()
"""


def test_a_notebook_sees_bars_under_its_cell_and_none_when_all_is_done():
    import nbformat
    from nbclient import NotebookClient

    shown = []
    cell = nbformat.v4.new_code_cell(NOTEBOOK)
    book = nbformat.v4.new_notebook(cells=[cell])

    class Client(NotebookClient):
        def process_message(self, msg, cell, cell_index):
            data = msg["content"].get("data", {})
            shown.append(data.get("text/html"))
            return super().process_message(msg, cell, cell_index)

    Client(book, timeout=120, kernel_name="python3").execute()
    drawn = [html for html in shown if html]
    assert any("&lt;read&gt;" in html and 'max="3"' in html for html in drawn)
    first, last = cell.outputs
    assert first["data"]["text/html"] == ""
    assert last["data"]["text/plain"].startswith("'<read> ")
