"""A state that may be the seats is told, where nothing else tells them."""

import pytest
from tests.sources.checked import found

STATES = "account_id,known_at,state,value\na1,2025-03-01,{0},25\na2,2025-03-02,{0},9\n"
USE = "account_id,happened_at,user_id\na1,2025-03-01,u1\na2,2025-03-02,u2\n"


def _told(company, state, *, use=USE, contracts="", **source):
    files = {"s.csv": STATES.format(state), "events.csv": use}
    files |= {"contracts.csv": contracts} if contracts else {}
    states = [{"name": "billing", "path": "s.csv", **source}]
    return found(company(files=files, states=states), "CH264")


@pytest.mark.parametrize(
    "state", ["seats", "Licences", "paid_seats", "Lizenzen", "licensing"]
)
def test_a_state_that_is_named_as_seats_are_is_told(company, state):
    [told] = _told(company, state)
    assert (told.count, told.stops) == (2, False)
    assert repr(state) in told.what


def test_it_is_not_where_seats_are_told_or_nobody_could_use_them(company):
    assert _told(company, "nps") == []
    assert _told(company, "seats used") == []
    assert _told(company, "seats", seats="seats") == []
    assert _told(company, "seats", use="account_id,happened_at\na1,2025-03-01\n") == []
    agreed = "account_id,start,end,seats\na1,2025-01-01,2026-01-01,5\n"
    assert _told(company, "seats", contracts=agreed) == []
