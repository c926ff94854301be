"""Events are named by nouns, whatever their source and their own names are."""

import pytest

from churnhealth.features.nouns import nouns_of

NAMED = [
    # a source in the plural names its events
    ("tickets", None, "tickets", "ticket"),
    ("support tickets", "urgent", "urgent support tickets", "urgent support ticket"),
    ("payments", "failed", "failed payments", "failed payment"),
    ("activities", "demo", "demo activities", "demo activity"),
    ("searches", "empty", "empty searches", "empty search"),
    # any other is where they happen: an item stands alone
    ("product", None, "product events", "product event"),
    ("product", "export", "export", "export"),
    ("analytics", None, "analytics events", "analytics event"),
    ("analytics", "export", "export", "export"),
    ("progress", None, "progress events", "progress event"),
    # an item that names its events itself says them once
    ("calls", "phone call", "phone calls", "phone call"),
    ("calls", "Phone calls", "Phone calls", "Phone call"),
    ("invoices", "invoice", "invoices", "invoice"),
    ("events", "logins", "logins", "logins event"),
    ("product", "settings", "settings", "settings event"),
    ("tickets", "ticket opened", "ticket opened", "ticket opened"),
]


@pytest.mark.parametrize(("source", "item", "many", "one"), NAMED)
def test_events_are_named_by_a_noun(source, item, many, one):
    assert nouns_of(source, item) == (many, one)
