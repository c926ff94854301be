"""Features of the profile: attributes as numbers or levels, and plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from churnhealth.features.numbers import as_numbers
from churnhealth.features.spec import FeatureSpec, feature, slugs
from churnhealth.sources.contract import History, Texts

__all__ = ["attribute_specs"]

_MOST_LEVELS = 8
_LEAST_SHARE = 0.02

Specs = Iterator[FeatureSpec]


def attribute_specs(history: History, known_before: int) -> Specs:
    """Yield the numbers and levels of attributes, then the levels of plans."""
    accounts, contracts = history.accounts, history.contracts
    known = accounts.known_at < known_before
    for name, texts in {"segment": accounts.segment, **accounts.attributes}.items():
        yield from _profile(name, texts[known])
    if contracts is not None:
        signed = contracts.plan[contracts.known_at < known_before]
        yield from _levels("contracts", "plan", signed)


def _profile(name: str, texts: Texts) -> Specs:
    """Yield the number of an attribute that has no other values, and its levels.

    Few numbers may stand for kinds, as codes do; many are no levels.
    """
    given = texts[[text is not None for text in texts]]
    numbers = np.unique(as_numbers(given))
    scale = numbers.size > 2 and not np.isnan(numbers).any()
    if scale:
        yield feature("number", source="accounts", item=name, category="contract")
    if not scale or numbers.size <= _MOST_LEVELS:
        yield from _levels("accounts", name, texts)


def _levels(source: str, name: str, texts: Texts) -> Specs:
    levels = Counter(text for text in texts if text is not None)
    if len(levels) < 2:
        return
    least = _LEAST_SHARE * texts.size
    order = sorted(levels, key=lambda level: (-levels[level], level))
    items = [f"{name}={t}" for t in order[:_MOST_LEVELS] if levels[t] >= least]
    unique = slugs(f"{name}={text}" for text in levels)
    for item in items:
        yield feature(
            "is", source=source, item=item, slug=unique[item], category="contract"
        )
