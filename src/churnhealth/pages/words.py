"""How numbers, colours and questions are said to a customer success manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from churnhealth import said
from churnhealth.explain import numbers
from churnhealth.features.spec import as_words, is_share, unit_of, with_acronyms
from churnhealth.said import change_of, many, rounded

__all__ = [
    "AGREEMENT",
    "STATUS_WORDS",
    "amount",
    "days_ahead",
    "figure",
    "measure",
    "outcome",
    "percent",
    "points",
    "recorded",
    "short",
    "spoken",
    "trend",
    "typed",
]

STATUS_WORDS: Mapping[str, str] = {
    "scored": "Scored",
    "announced": "Has said it will leave",
    "grace": "Contract ended, renewal still possible",
    "too_new": "Too new to judge",
    "churned": "Has left",
}

AGREEMENT: Mapping[str, str] = {
    "same": "agrees with the model",
    "one apart": "one colour from the model",
    "further": "contradicts the model",
}

_NONE = "\u2013"


def percent(share: float | None, places: int = 0) -> str:
    r"""Write a share in per cent; small ones keep a decimal.

    >>> [percent(x).replace("\xa0", " ") for x in (0.184, 0.0042, 1.0, None)]
    ['18 %', '0.4 %', '100 %', '–']
    >>> percent(0.184, 1)  # a number and its sign stay on one line
    '18.4\xa0%'
    >>> percent(0.525).replace("\xa0", " ")  # halves go up, as in sentences
    '53 %'
    """
    if share is None:
        return _NONE
    return _unbroken(said.percent(share, places))


def _unbroken(text: str) -> str:
    return text.replace(" ", "\u00a0")


def amount(value: float | None) -> str:
    """Write money or a count with thousands apart and no decimals.

    >>> amount(1234567.4), amount(-20), amount(None)
    ('1,234,567', '−20', '–')
    """
    return _NONE if value is None else rounded(value, 0)


def short(value: float | None) -> str:
    r"""Write money in three figures, for where many stand side by side.

    >>> [short(v).replace("\xa0", " ") for v in (1546096.0, 465872.0, 9740.0, 812.0)]
    ['1.55 M', '466 k', '9.74 k', '812']
    >>> short(2.5e9).replace("\xa0", " ")
    '2.50 bn'
    """
    if value is None:
        return _NONE
    for unit, size in (("bn", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= 0.9995 * size:
            places = max(0, 2 - len(str(int(abs(value) / size + 0.0005))) + 1)
            return f"{rounded(value / size, places)}\u00a0{unit}"
    return rounded(value, 0)


def points(value: float | None) -> str:
    """Write percentage points with their sign.

    >>> points(5.13), points(-0.4), points(0.01), points(None)
    ('+5.1', '−0.4', '0.0', '–')
    """
    return _NONE if value is None else numbers.points(value)


def figure(value: float | None) -> str:
    """Write a measured value as short as it can be read.

    >>> [figure(v) for v in (8.0, 0.333333, 14.26, 12345.6, -3.5, None)]
    ['8', '0.33', '14.3', '12,346', '−3.5', '–']
    """
    return _NONE if value is None else numbers.figure(value)


def measure(value: float | None, feature: str | None) -> str:
    r"""Write a feature's value as its sentence does: shares and trends in per cent.

    >>> share, trend = "app__all__users_share__28d", "app__all__trend__28d"
    >>> [measure(v, share).replace("\xa0", " ") for v in (0.525, 2.0)]
    ['53 %', '200 %']
    >>> [measure(v, trend).replace("\xa0", " ") for v in (-0.6, -1.0, 0.2, 1.0)]
    ['−75 %', '−100 %', '+50 %', 'new']
    >>> measure(14.26, "app__all__days_since"), measure(0.5, "my_own_feature")
    ('14.3', '0.50')
    """
    unit = unit_of(feature or "")
    if value is None or unit not in ("share", "points", "trend"):
        return figure(value)
    if unit != "trend":
        return percent(value)
    if value >= 1:
        return "new"
    return _unbroken(said.signed_percent(change_of(value)))


def typed(value: float | None, feature: str | None) -> str:
    r"""Write a feature's value as one types it, and beside it as it is told elsewhere.

    >>> share, trend = "app__all__users_share__28d", "app__all__trend__28d"
    >>> [typed(v, n).replace("\xa0", " ") for v, n in ((0.14, share), (-0.6, trend))]
    ['0.14 = 14 %', '−0.60 = −75 %']
    >>> typed(14.0, "app__all__days_since")
    '14'
    """
    plain, told = figure(value), measure(value, feature)
    return plain if told == plain else f"{plain} = {told}"


def recorded(value: float | None, name: str) -> str:
    r"""Write the value of a record: of states named shares in per cent.

    >>> recorded(0.25, "share_of_goals_met").replace("\xa0", " "), recorded(0.25, "fee")
    ('25 %', '0.25')
    """
    return percent(value) if is_share(name) else figure(value)


def days_ahead(days: int | None) -> str:
    """Say how far away a date is.

    >>> days_ahead(45), days_ahead(1), days_ahead(0), days_ahead(-3), days_ahead(None)
    ('in 45 days', 'tomorrow', 'today', '3 days ago', '')
    """
    if days is None:
        return ""
    if days in (0, 1):
        return ("today", "tomorrow")[days]
    if days == -1:
        return "yesterday"
    return f"in {days} days" if days > 0 else f"{-days} days ago"


def spoken(name: str | None) -> str:
    """Say the name of an event, a state or a source as people write it.

    >>> [spoken(name) for name in ("goals_met", "nps", "Health__c", "", None)]
    ['Goals met', 'NPS', 'Health', '', '']
    """
    text = with_acronyms(as_words(name or ""))
    return text[:1].upper() + text[1:]


def trend(values: Sequence[float | None]) -> str:
    r"""Say in words how a chance moved over the runs.

    >>> trend([0.1, None, 0.2]).replace("\xa0", " ")
    'Chance 10 % to 20 % over 2 runs'
    >>> trend([None])
    'No earlier chance'
    """
    known = [v for v in values if v is not None]
    if not known:
        return "No earlier chance"
    ends = f"{percent(known[0])} to {percent(known[-1])}"
    return f"Chance {ends} over {many(len(known), 'run')}"


def outcome(question: Mapping[str, object]) -> str:
    """Say what the probability is a probability of, after "accounts like this".

    >>> outcome({"kind": "renewal"})
    'do not renew'
    >>> outcome({"kind": "horizon", "lead_days": 0, "horizon_days": 90})
    'leave within 90 days'
    >>> outcome({"kind": "horizon", "lead_days": 30, "horizon_days": 60})
    'leave between 30 and 90 days from now'
    >>> outcome({"kind": "inactivity", "horizon_days": 90})
    'fall silent for the next 90 days'
    """
    kind = question.get("kind")
    lead = _days(question.get("lead_days"))
    horizon = _days(question.get("horizon_days"))
    if kind == "renewal":
        return "do not renew"
    if not horizon:
        return "leave"
    if kind == "inactivity":
        return f"fall silent for the next {horizon} days"
    if lead:
        return f"leave between {lead} and {lead + horizon} days from now"
    return f"leave within {horizon} days"


def _days(value: object) -> int:
    return value if isinstance(value, int) else 0
