"""The front door is a short, sorted list, and every name on it opens."""

import tomllib
from pathlib import Path

import pytest

import churnhealth

ROOT = Path(__file__).resolve().parents[1]


def test_the_list_is_sorted_short_and_without_doubles():
    assert churnhealth.__all__ == sorted(set(churnhealth.__all__))
    assert 1 <= len(churnhealth.__all__) <= 15


@pytest.mark.parametrize("name", churnhealth.__all__)
def test_every_name_opens_and_comes_from_where_it_is_defined(name):
    value = getattr(churnhealth, name)
    assert value.__name__ == name
    assert value.__module__ == f"churnhealth.{churnhealth._HOME[name]}"
    assert value.__doc__
    assert name in dir(churnhealth)


def test_the_list_and_the_homes_are_the_same_names():
    assert sorted(churnhealth._HOME) == churnhealth.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'predict_the_future'"):
        churnhealth.predict_the_future  # noqa: B018


def test_the_version_is_the_projects():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert churnhealth.__version__ == project["project"]["version"]
