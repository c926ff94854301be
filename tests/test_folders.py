"""Folders and files appear whole or not at all, whatever happens on the way."""

import os
import select
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from churnhealth.errors import ConfigError
from churnhealth.folders import (
    folder_while_running,
    new_folder,
    publish,
    refuse_early,
    write_text,
)

OURS = {"one", "two", "three"}


def contents(folder):
    return {p.name: p.read_text() for p in folder.iterdir()}


def fill(folder, text):
    for name in ("one", "two", "three"):
        (folder / name).write_text(text)


def test_a_folder_takes_its_name_when_everything_went_well(tmp_path):
    target = tmp_path / "deep" / "down" / "folder"
    with new_folder(target, ours=OURS) as folder:
        fill(folder, "x")
        assert not target.exists()
        assert folder.parent == target.parent  # the same disk: one step to rename
    assert contents(target) == {"one": "x", "two": "x", "three": "x"}
    assert [p.name for p in target.parent.iterdir()] == ["folder"]


def test_what_cannot_be_put_aside_stays_where_it_is(tmp_path):
    for text in ("old", "older"):
        with new_folder(tmp_path / text, ours=OURS) as folder:
            fill(folder, text)
    with (
        pytest.raises(OSError, match="not empty"),
        new_folder(tmp_path / "old", ours=OURS, aside=tmp_path / "older") as folder,
    ):
        fill(folder, "new")
    assert contents(tmp_path / "old")["one"] == "old"
    assert contents(tmp_path / "older")["one"] == "older"


@pytest.mark.parametrize("before", [False, True])
def test_after_an_error_nothing_has_changed_and_nothing_is_left(tmp_path, before):
    target = tmp_path / "folder"
    if before:
        with new_folder(target, ours=OURS) as folder:
            fill(folder, "old")

    def fail():
        with new_folder(target, ours=OURS) as folder:
            fill(folder, "new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == (["folder"] if before else [])
    if before:
        assert set(contents(target).values()) == {"old"}


def test_a_folder_that_is_there_is_exchanged_whole(tmp_path):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "two").write_text("stale")
    with new_folder(target, ours=OURS) as folder:
        fill(folder, "new")
        assert contents(target) == {"two": "stale"}
    assert set(contents(target)) == {"one", "two", "three"}
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("found", ["notes.txt", ".git/", "two.bak"])
def test_what_somebody_else_put_there_is_never_deleted(tmp_path, found):
    target = tmp_path / "folder"
    target.mkdir()
    if found.endswith("/"):
        (target / found).mkdir()
    else:
        (target / found).write_text("mine")
    with pytest.raises(ConfigError) as caught, new_folder(target, ours=OURS):
        pytest.fail("there was nothing to fill")
    assert caught.value.code == "CH009"
    assert [p.name for p in target.iterdir()] == [found.rstrip("/")]
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_file_of_that_name_is_never_replaced_by_a_folder(tmp_path):
    (tmp_path / "folder").write_text("mine")
    with (
        pytest.raises(ConfigError) as caught,
        new_folder(tmp_path / "folder", ours=OURS),
    ):
        pytest.fail("there was nothing to fill")
    assert caught.value.code == "CH009"
    assert contents(tmp_path) == {"folder": "mine"}


def test_the_name_is_there_at_every_moment(tmp_path):
    target = tmp_path / "folder"
    with new_folder(target, ours=OURS) as folder:
        fill(folder, "0")
    done = []

    def write():
        for i in range(60):
            with new_folder(target, ours=OURS) as folder:
                fill(folder, str(i))
        done.append(True)

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        missed = 0
        while not done and not writer.done():
            missed += not (target / "one").exists()
        writer.result(timeout=60)
    assert missed == 0


def test_a_file_s_text_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "new" / "pointer"
    write_text(path, "2026-01-01\n")
    write_text(path, "2026-02-01 ü\n")
    assert path.read_text(encoding="utf-8") == "2026-02-01 ü\n"
    assert [p.name for p in path.parent.iterdir()] == ["pointer"]


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "pointer"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\udc80")
    assert contents(tmp_path) == {"pointer": "old"}


def test_a_pointer_never_points_at_half(tmp_path):
    path = tmp_path / "pointer"
    texts = ["a" * 5000, "b" * 9000]
    write_text(path, texts[0])

    def write():
        for i in range(150):
            write_text(path, texts[i % 2])

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        while not writer.done():
            assert path.read_text() in texts
        writer.result()


def test_a_finished_file_is_published_under_its_name(tmp_path):
    (tmp_path / ".x.tmp").write_text("done")
    publish(tmp_path / ".x.tmp", tmp_path / "x")
    assert contents(tmp_path) == {"x": "done"}


KILLED = """
import os, signal, sys
from pathlib import Path
from churnhealth.folders import write_text

path = Path(sys.argv[1])
for at in range(1, 100):
    pid = os.fork()
    if pid == 0:
        count = 0

        def watch(event, args):
            global count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        write_text(path, "new" * 1000)
        os._exit(0)
    killed = os.WTERMSIG(os.waitpid(pid, 0)[1])
    print(path.read_text()[:3], path.stat().st_size)
    if not killed:
        break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 needs a Unix")
def test_killed_at_any_moment_a_text_is_the_old_or_the_new(tmp_path):
    path = tmp_path / "pointer"
    write_text(path, "old")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")[:-1]
    assert set(lines) == {"old 3", "new 3000"}
    assert lines.count("old 3") >= 2


HOLDER = """
import subprocess, sys
from pathlib import Path
from churnhealth.folders import folder_while_running
with folder_while_running(Path(sys.argv[1]), "run-") as (folder, lock):
    print(folder, flush=True)
    if sys.argv[2] == "alone":
        sys.stdin.read()
    else:
        subprocess.run([sys.executable, "-c", "input()"], pass_fds=[lock])
"""


def test_what_a_killed_run_left_goes_and_what_is_in_use_stays(tmp_path):
    (tmp_path / "run-by-somebody").mkdir()  # held by nobody, and never was ours
    command = [sys.executable, "-c", HOLDER, str(tmp_path), "alone"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as killed,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as running,
    ):
        left, used = (p.stdout.readline().strip() for p in (killed, running))
        assert left != used
        killed.kill()
        killed.wait(60)
        names = {p.name for p in tmp_path.iterdir()}
        assert len(names) == 3  # a kill leaves its folder
        with folder_while_running(tmp_path, "run-") as (mine, _):
            there = {str(p) for p in tmp_path.iterdir()}
            assert there == {str(tmp_path / "run-by-somebody"), used, str(mine)}
        running.communicate()
        assert running.returncode == 0
    assert [p.name for p in tmp_path.iterdir()] == ["run-by-somebody"]


def test_a_folder_stays_while_a_process_that_its_owner_started_goes_on(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path), "with a child"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as killed:
        used = killed.stdout.readline().strip()
        children = Path(f"/proc/{killed.pid}/task/{killed.pid}/children")
        while not (child := children.read_text().split()):
            os.sched_yield()
        watched = os.pidfd_open(int(child[0]))
        killed.kill()
        killed.wait(60)
        with folder_while_running(tmp_path, "run-"):
            assert Path(used).is_dir()
        killed.stdin.close()  # the child ends
        assert select.select([watched], [], [], 60)[0]
        os.close(watched)
    with folder_while_running(tmp_path, "run-"):
        assert not Path(used).exists()


def test_what_could_not_be_written_is_refused_before_any_work(tmp_path, monkeypatch):
    asked = []

    def access(folder, mode):
        asked.append((folder, mode))
        return len(asked) > 1

    monkeypatch.setattr(os, "access", access)
    with pytest.raises(PermissionError) as caught:
        refuse_early(tmp_path / "models" / "new", ours=OURS)
    assert caught.value.filename == str(tmp_path)
    refuse_early(tmp_path / "models" / "new", ours=OURS)
    assert asked == [(tmp_path, os.W_OK)] * 2
    assert contents(tmp_path) == {}
    (tmp_path / "theirs").write_text("1")
    with pytest.raises(ConfigError, match="CH009"):
        refuse_early(tmp_path, ours=OURS)
    with pytest.raises(NotADirectoryError):
        refuse_early(tmp_path / "theirs" / "models" / "new", ours=OURS)
