"""The page shows what the summary says, and only that."""

import os
import re
from collections import Counter
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from tests.pages.made_up import CARD, portfolio

from churnhealth.pages.render import render_report, write_report
from churnhealth.pages.summary import summarise

TEMPLATES = files("churnhealth").joinpath("pages/templates")
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<!--",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "javascript:alert(1)",
    "<a href=javascript:alert(1)>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<table><tr><td>",
    "\u202egnp.exe <b>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<math><mi xlink:href=javascript:alert(1)>",
    "<svg><use href=data:image/svg+xml,x#x>",
    "<object data=javascript:alert(1)>",
    "<embed src=//evil.example/x>",
    "<form action=//evil.example><button>",
    "<input autofocus onfocus=alert(1)>",
    "<style>@import'//evil.example'</style>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<plaintext>",
    "</textarea><script>alert(1)</script>",
    "</option></select><script>alert(1)</script>",
    "</table><script>alert(1)</script>",
    "\x00<script>alert(1)</script>",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "` onmouseover=alert(1) `",
    "&#x3c;script&#x3e;alert(1)",
    "{{ ''.__class__.__mro__ }}",
)  # fmt: skip


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.ids = Counter(), Counter(), []
        self.links, self.text = [], []
        self.feed(html)
        self.close()
        self.all_text = "".join(self.text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        for name, value in attrs:
            self.attributes[(tag, name)] += 1
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src"):
                self.links.append(value)

    def handle_data(self, data):
        self.text.append(data)


def report(n=20, **how):
    return render_report(summarise(*portfolio(n, **how), CARD))


def hostile_everywhere(n, text):
    """Put ``text(i)`` into every field that a business could fill."""
    scores, drivers = portfolio(n)
    ids = {old: text(i) + str(i) for i, old in enumerate(scores["account_id"])}
    scores["account_id"] = list(ids.values())
    for name in ("name", "owner", "segment", "top_driver", "model_version"):
        scores[name] = [text(i) for i in range(n)]
    drivers["account_id"] = [ids[i] for i in drivers["account_id"]]
    for name in ("label", "sentence", "category", "feature"):
        drivers[name] = [text(i) for i in range(len(drivers[name]))]
    verdict = {**CARD["verdict"], "chosen": text(0), "reasons": [text(1)]}
    card = {**CARD, "company": text(2), "model_version": text(3), "verdict": verdict}
    return summarise(scores, drivers, card)


def test_every_link_leads_to_a_place_on_the_page():
    page = Page(report())
    assert len(page.ids) == len(set(page.ids))
    assert {x for x in page.links if x != "data:,"} <= {f"#{i}" for i in page.ids}


def test_the_page_needs_no_script_and_forbids_everything_but_its_own_style():
    html = report()
    page = Page(html)
    assert page.tags["script"] == 0
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in html
    assert not [name for _, name in page.attributes if name.startswith("on")]


def test_every_scored_account_has_a_row_and_a_section():
    summary = summarise(*portfolio(30), CARD)
    page = Page(render_report(summary))
    scored = summary["totals"]["scored"]
    assert page.tags["article"] == scored
    assert len([i for i in page.ids if i.startswith("a") and i[1:].isdigit()]) == scored


@pytest.mark.parametrize("payload", HOSTILE)
def test_a_hostile_text_adds_no_element_and_no_attribute(payload):
    calm = Page(render_report(hostile_everywhere(12, lambda _: "harmless")))
    page = Page(render_report(hostile_everywhere(12, lambda _: payload)))
    assert page.tags == calm.tags
    assert page.attributes == calm.attributes
    assert page.links == calm.links
    assert payload in page.all_text


def test_a_deliberately_unescaped_page_would_be_caught():
    calm = Page("<p>harmless</p>")
    assert Page(f"<p>{HOSTILE[1]}</p>").tags != calm.tags


def test_a_colour_is_never_alone():
    html = report()
    assert html.count('class="b red') == html.count('aria-label="Critical (red)"')


def test_six_hundred_accounts_with_ten_drivers_stay_under_five_megabytes():
    summary = summarise(*portfolio(600, drivers=14), CARD)
    told = [len(a["raising"]) + len(a["lowering"]) for a in summary["accounts"]]
    assert max(told) == 10
    assert len(render_report(summary).encode()) < 5_000_000


def test_of_very_many_accounts_all_are_listed_and_the_dearest_told_of_one_by_one():
    summary = summarise(*portfolio(40), CARD)
    page = Page(render_report(summary, most_cards=3))
    names = [a["name"] for a in summary["accounts"] if a["status"] == "scored"]
    assert [i for i in page.ids if i.startswith("a") and i[1:].isdigit()] == [
        "a1",
        "a2",
        "a3",
    ]
    assert all(name in page.all_text for name in names)
    assert f"The first 3 of {len(names)}" in page.all_text
    assert {x for x in page.links if x != "data:,"} <= {f"#{i}" for i in page.ids}
    assert "The first" not in Page(report(40)).all_text


def test_an_empty_portfolio_is_a_page_too():
    scores = {
        k: [] for k in ("account_id", "as_of", "status", "churn_probability", "band")
    }
    none = {"account_id": [], "label": [], "effect_points": []}
    page = Page(render_report(summarise(scores, none, {})))
    assert "No account could be scored on this date." in page.all_text


def test_without_skill_the_page_says_unproven_and_why():
    verdict = {"skill": False, "chosen": "rules", "reasons": ["only 12 outcomes"]}
    page = Page(render_report(summarise(*portfolio(5), {**CARD, "verdict": verdict})))
    assert "Unproven." in page.all_text
    assert "Only 12 outcomes" in page.all_text
    assert "proven on later time" not in page.all_text


def test_a_broken_promise_is_said():
    assert "✗ broken" in Page(report()).all_text


def test_columns_that_are_optional_may_be_absent():
    scores = {"account_id": ["a"], "as_of": ["2026-01-01"], "status": ["scored"],
              "churn_probability": [0.2], "band": ["orange"]}  # fmt: skip
    drivers = {"account_id": ["a"], "label": ["Logins"], "effect_points": [3.0]}
    page = Page(render_report(summarise(scores, drivers, {})))
    assert "about 1 in 5" in page.all_text


def test_the_main_reason_is_one_that_raises_the_risk():
    scores = {"account_id": ["a"], "as_of": ["2026-01-01"], "status": ["scored"],
              "churn_probability": [0.2], "band": ["orange"],
              "top_driver": ["The term is 1 month."]}  # fmt: skip
    drivers = {"account_id": ["a", "a"], "label": ["Term", "Logins"],
               "feature": ["contracts__all__term_months", "app__all__count__28d"],
               "effect_points": [-9.0, 3.0],
               "sentence": ["The term is 1 month.", "Logins fell."]}  # fmt: skip
    row = render_report(summarise(scores, drivers, {})).partition('id="details"')[0]
    assert "Logins fell." in row
    assert "The term is 1 month." not in row


def test_writing_replaces_the_old_page_and_leaves_nothing_beside_it(tmp_path):
    file = tmp_path / "out" / "report.html"
    write_report(file, "old")
    write_report(file, "new – page")
    assert file.read_text(encoding="utf-8") == "new – page"
    assert os.listdir(file.parent) == ["report.html"]  # noqa: PTH208


@pytest.mark.parametrize("name", sorted(p.name for p in TEMPLATES.iterdir()))
def test_every_table_has_a_name_for_whoever_hears_the_page(name):
    tables = re.findall(r"<table[^>]*>", (TEMPLATES / name).read_text("utf-8"))
    assert [t for t in tables if not re.search(r'aria-label="[^"]', t)] == []
