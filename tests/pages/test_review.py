"""What a business review says of an account is what was counted, and no more."""

import pytest

from churnhealth.pages.review import _problems


@pytest.mark.parametrize(
    ("silent", "told"),
    [
        ([True, True, False], "Of the 3 most active people, 2 have fallen silent"),
        ([True, False], "Of the 2 most active people, 1 has fallen silent"),
        ([True], "The most active person has fallen silent"),
    ],
)
def test_who_fell_silent_is_told_of_the_people_that_are_known(silent, told):
    people = [{"silent": one} for one in silent]
    assert _problems([], people, [])[0].startswith(told)


def test_nobody_silent_is_no_problem():
    assert not [p for p in _problems([], [{"silent": False}], []) if "silent" in p]
