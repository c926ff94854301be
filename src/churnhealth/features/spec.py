"""Features as frozen values that name themselves and know how to be said.

A name reads ``source__item__kind__28d`` in ``[a-z0-9_]``; the item of a feature over
all events is ``all``; features without a window end after the kind.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from churnhealth.categories import CATEGORIES, Category
from churnhealth.features.kinds import KINDS
from churnhealth.features.nouns import Nouns, nouns_of

__all__ = [
    "FeatureSpec",
    "Named",
    "as_words",
    "feature",
    "is_routine",
    "is_share",
    "parse_name",
    "slugs",
    "spoken_nouns",
    "unit_of",
    "window_words",
    "with_acronyms",
]


_FIELDS: Mapping[str, tuple[type, ...]] = {
    "name": (str,),
    "kind": (str,),
    "source": (str,),
    "item": (str, type(None)),
    "days": (int, type(None)),
    "category": (str,),
    "label": (str,),
    "unit": (str,),
    "phrase": (str,),
    "direction": (int,),
    "actionable": (bool,),
    "words": (dict,),
    "seats": (list, type(None)),
}
_OWED = ("open", "oldest_open", "days_to_end")
_ITEM = "all"
_SHARE = "share_of_"
_LONGEST_SLUG = 40
_NAME = re.compile(
    r"(?P<source>[a-z][a-z0-9_]*)__(?P<slug>[a-z0-9]+(?:_[a-z0-9]+)*)"
    r"__(?P<kind>[a-z]+(?:_[a-z]+)*)(?:__(?P<days>[1-9][0-9]*)d)?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSpec:
    """One column: what it measures, over which window, and how to say it.

    ``item`` is the event, state or ``attribute=level`` by its own name (``None`` =
    all events). ``phrase`` is a sentence with ``{moved}`` (rose, fell), ``{past}`` and
    ``{value}`` to fill in. ``direction`` is +1 where more raises churn risk, -1 where
    it lowers it, 0 where we cannot say. ``actionable``: a CSM can act on it. ``words``
    are what its owner calls some of the values. ``seats`` are the source and the state
    that say how many seats there are where no contract does.
    """

    name: str
    kind: str
    source: str
    item: str | None
    days: int | None
    category: Category
    label: str
    unit: str
    phrase: str
    direction: int
    actionable: bool
    words: tuple[tuple[str, float], ...] = ()
    seats: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        named = parse_name(self.name)
        if (named.source, named.kind, named.days) != (
            self.source,
            self.kind,
            self.days,
        ):
            raise ValueError(f"{self.name!r} does not name this feature")
        if self.category not in CATEGORIES:
            raise ValueError(f"{self.name}: there is no category {self.category!r}")
        if KINDS[self.kind].windowed != (self.days is not None):
            raise ValueError(f"{self.name}: {self.kind} has a window, or must not")
        if self.days is not None and self.days < 1:
            raise ValueError(f"{self.name}: a window has at least one day")

    def to_json(self) -> dict[str, Any]:
        """Say it as a JSON object; ``from_json`` reads it back."""
        said = asdict(self)
        words, seats = said.pop("words"), said.pop("seats")
        said |= {"words": dict(words)} if words else {}
        return said | ({"seats": list(seats)} if seats else {})

    @classmethod
    def from_json(cls, raw: Mapping[str, object]) -> FeatureSpec:
        """Read what ``to_json`` wrote; anything else is a ``ValueError``.

        >>> spec = feature("count", source="product", item="login", days=28)
        >>> FeatureSpec.from_json(spec.to_json()) == spec
        True
        """
        given: dict[str, Any] = {"words": {}, "seats": None, **raw}
        if set(given) != set(_FIELDS):
            wrong = sorted(set(given) ^ set(_FIELDS))
            raise ValueError(f"a feature has other fields than we know: {wrong}")
        for name, kinds in _FIELDS.items():
            if type(given[name]) not in kinds:
                raise ValueError(f"the field {name!r} of a feature has a wrong type")
        words = tuple((str(w), float(v)) for w, v in given.pop("words").items())
        seats = given.pop("seats")
        if seats is not None and [type(part) for part in seats] != [str, str]:
            raise ValueError("the seats of a feature are a source and a state")
        return cls(**given, words=words, seats=None if seats is None else (*seats,))


class Named(NamedTuple):
    """What a feature's name says."""

    source: str
    slug: str
    kind: str
    days: int | None


def parse_name(name: str) -> Named:
    """Read a feature's name from the right (a source may hold ``__`` itself).

    >>> parse_name("product__login__count__28d")
    Named(source='product', slug='login', kind='count', days=28)
    >>> parse_name("contracts__all__tenure").days is None
    True
    """
    found = _NAME.fullmatch(name)
    if found is None or found["kind"] not in KINDS:
        raise ValueError(f"{name!r} is not the name of a feature")
    days = None if found["days"] is None else int(found["days"])
    return Named(found["source"], found["slug"], found["kind"], days)


@lru_cache(maxsize=4096)
def unit_of(name: str) -> str | None:
    """Say the unit of a feature by its name; ``None`` of one of the owner's own.

    A state that is named a share is told in per cent, its change in points of them.

    >>> unit_of("goals__share_of_goals_met__latest"), unit_of("surveys__nps__latest")
    ('share', 'number')
    >>> unit_of("goals__share_of_goals_met__change__90d"), unit_of("my_own")
    ('points', None)
    """
    try:
        named = parse_name(name)
    except ValueError:
        return None
    return _unit(named.kind, named.slug)


def _unit(kind: str, slug: str) -> str:
    unit = KINDS[kind].unit
    if unit != "number" or not slug.startswith(_SHARE):
        return unit
    return "points" if kind == "change" else "share"


def is_share(state: str) -> bool:
    """Say whether a state's own name says that its values are shares, 1 = 100 %.

    >>> is_share("Share of goals met"), is_share("nps")
    (True, False)
    """
    return _slug(state).startswith(_SHARE)


def feature(
    kind: str,
    *,
    source: str,
    item: str | None = None,
    slug: str | None = None,
    days: int | None = None,
    category: Category = "usage",
) -> FeatureSpec:
    """Make a spec with the name, label and words its kind gives it.

    >>> spec = feature("active_users", source="product", days=28)
    >>> spec.name, spec.label
    ('product__all__active_users__28d', 'Active users of product, last 4 weeks')
    >>> spec.phrase
    'Active users of product {moved} from {past} to {value} in the last 4 weeks'
    """
    about = KINDS[kind]
    tail = "" if days is None else f"__{days}d"
    words = _subject(kind, source=source, item=item)
    window = window_words(days) if days is not None else ""
    when = f", {about.when} {window}" if days is not None else ""
    moved = " {moved} from {past} to {value}" if about.moves else ""
    during = f" {about.during} {window}" if days is not None else ""
    return FeatureSpec(
        name=f"{source}__{slug or _slug(item)}__{kind}{tail}",
        kind=kind,
        source=source,
        item=item,
        days=days,
        category=category,
        label=f"{words}{when}",
        unit=_unit(kind, slug or _slug(item)),
        phrase=f"{_escaped(words)}{moved}{during}",
        direction=about.direction if category in about.sure_in else 0,
        actionable=about.actionable and not is_routine(kind, category),
    )


def is_routine(kind: str, category: str | None) -> bool:
    """Say whether a feature of events tells the contract's own routine, as invoices do.

    When one was written follows from the contract: nobody can act on it. What is still
    open, and how long it took, is the customer's doing.

    >>> is_routine("days_since", "contract"), is_routine("oldest_open", "contract")
    (True, False)
    >>> is_routine("days_since", "usage"), is_routine("latest", "contract")
    (False, False)
    """
    events = kind in KINDS and KINDS[kind].family == "events"
    return category == "contract" and events and kind not in _OWED


def _subject(kind: str, *, source: str, item: str | None) -> str:
    nouns = spoken_nouns(kind, source=source, item=item)
    of = as_words(source) if item is None else nouns.many
    words = KINDS[kind].subject.replace("{what}", nouns.many)
    words = words.replace("{one}", nouns.one).replace("{of}", of)
    return with_acronyms(words[:1].upper() + words[1:])


def spoken_nouns(kind: str, *, source: str, item: str | None) -> Nouns:
    """Say what a feature measures, as many and as one: a state has no plural.

    >>> spoken_nouns("days_since", source="tickets", item="urgent").one
    'urgent ticket'
    >>> spoken_nouns("latest", source="surveys", item="nps").one
    'nps'
    """
    spoken = None if item is None else _spoken(item)
    if spoken is not None and KINDS[kind].family not in ("events", "planned"):
        return Nouns(spoken, spoken)
    return nouns_of(as_words(source), spoken)


_ACRONYM = re.compile(
    r"\b(API|ARR|CRM|CSAT|CSM|FAQ|GBM|MRR|NPS|ROI|SLA|SMS|SSO|URL|VLE)\b", re.IGNORECASE
)


def with_acronyms(text: str) -> str:
    """Write abbreviations that everybody knows in capitals.

    >>> with_acronyms("Change of nps")
    'Change of NPS'
    """
    return _ACRONYM.sub(lambda found: found[0].upper(), text)


def _spoken(item: str) -> str:
    """Say an event, a state or ``attribute=level`` in plain words."""
    name, equals, level = item.partition("=")
    return f"{as_words(name)}{' is ' if equals else ''}{level}"


def as_words(name: str) -> str:
    """Say a name of files in words, also that of a field somebody added to their CRM.

    >>> as_words("goals_met"), as_words("Customer_Health__c"), as_words("__c")
    ('goals met', 'Customer Health', 'c')
    """
    words = name.removesuffix("__c").replace("_", " ").split()
    return " ".join(words or name.replace("_", " ").split())


def _escaped(words: str) -> str:
    return words.replace("{", "{{").replace("}", "}}")


def window_words(days: int) -> str:
    """Say a window as people do: in weeks as long as they are few, else in days.

    >>> window_words(1), window_words(7), window_words(28), window_words(90)
    ('day', 'week', '4 weeks', '90 days')
    """
    if days % 7 == 0 and days < 60:
        return "week" if days == 7 else f"{days // 7} weeks"
    return "day" if days == 1 else f"{days} days"


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Give every name its own slug in ``[a-z0-9_]``, whatever order they come in.

    Names that would share a slug are told apart by a hash of the name, except the one
    that already is the slug.

    >>> slugs(["Log in", "Émile", "all"])
    {'Log in': 'log_in', 'all': 'all_5ef5ef', 'Émile': 'emile'}
    >>> sorted(slugs(["log-in", "log_in"]).values())
    ['log_in', 'log_in_a07782']
    """
    plain = {name: _slug(name) for name in sorted(set(names))}
    uses = Counter(plain.values())
    own = {n: s for n, s in plain.items() if s != _ITEM and (uses[s] == 1 or n == s)}
    taken = set(own.values())
    out = {}
    for name, slug in plain.items():
        size = 6
        while name not in own and f"{slug}_{_hash(name, size)}" in taken:
            size += 1
        out[name] = own.get(name, f"{slug}_{_hash(name, size)}")
        taken.add(out[name])
    return out


def _slug(name: str | None) -> str:
    if name is None:
        return _ITEM
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "_", folded.lower()).strip("_")
    if not slug or len(slug) > _LONGEST_SLUG:
        return f"{slug[:_LONGEST_SLUG].strip('_') or 'x'}_{_hash(name)}"
    return slug


def _hash(name: str, size: int = 6) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:size]
