"""Broken tables through the command line: each has its code and betrays nobody."""

import sys

import pytest
from tests.sources import broken_files, broken_rows
from tests.sources.broken import CONFIG, FILES, SECRETS

from churnhealth.cli import main

CASES = [*broken_files.CASES, *broken_rows.CASES]


def check(case, folder, monkeypatch, capsys):
    """Run ``churnhealth check`` on a company broken in one way."""
    config = CONFIG
    for old, new in case.swaps:
        assert old in config
        config = config.replace(old, new)
    (folder / "churnhealth.toml").write_text(config, encoding="utf-8")
    for name, content in {**FILES, **case.files}.items():
        if callable(content):
            content(folder / name)
        else:
            raw = content if isinstance(content, bytes) else content.encode()
            (folder / name).write_bytes(raw)
    words = ["churnhealth", "check", "--config", str(folder / "churnhealth.toml")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as left:  # anything else would be a traceback
        main()
    told = capsys.readouterr()
    return left.value.code or 0, told.out, told.err


def test_there_are_at_least_sixty_and_each_is_another():
    assert len({case.title for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_broken_table_is_answered_with_its_code(case, tmp_path, monkeypatch, capsys):
    code, out, err = check(case, tmp_path, monkeypatch, capsys)
    assert code == case.exit, err
    assert f"[{case.code}]" in (err if case.exit else out)
    assert "Fix:" in out + err
    assert "Traceback" not in out + err
    assert [s for s in SECRETS if s in (out + err).lower()] == []
    assert (out + err).replace("\n", "").isprintable()


def test_the_sound_company_is_told_nothing_that_stops(tmp_path, monkeypatch, capsys):
    sound = CASES[0]._replace(files={}, swaps=(), exit=0)
    code, out, err = check(sound, tmp_path, monkeypatch, capsys)
    assert (code, err) == (0, "")
    assert "error" not in out
