"""The pages of the service: what was written stays text, and addresses answer."""

import html
import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.pages.test_desk import book_of
from tests.pages.test_render import HOSTILE, Page
from tests.serve.paged import CARD, DAY, REPORT, served
from tests.serve.served import client_of

from churnhealth.archive.runs import write_outcomes, write_scores
from churnhealth.bundle import load_bundle, save_bundle
from churnhealth.commands.report import write_portfolio
from churnhealth.errors import ChurnHealthError
from churnhealth.pages.proof import headline, proof_page
from churnhealth.serve.live import Live, make_serving


def pages_of(live, account_id):
    with client_of(live) as client:
        for path in ("/", "/board", "/backtest", "/model", f"/accounts/{account_id}"):
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.text[-300:])
            yield path, answer


@pytest.fixture(scope="module")
def calm(bundle_folder, tmp_path_factory):
    live, ids = served(bundle_folder, tmp_path_factory.mktemp("calm"), "harmless")
    return {path: Page(answer.text) for path, answer in pages_of(live, ids[0])}


@pytest.mark.parametrize("payload", HOSTILE)
def test_what_anybody_wrote_adds_no_element_and_no_attribute(
    bundle_folder, calm, tmp_path, payload
):
    live, ids = served(bundle_folder, tmp_path, payload)
    for path, answer in pages_of(live, ids[0]):
        page = Page(answer.text)
        expected = calm[path]
        assert (page.tags, page.attributes) == (expected.tags, expected.attributes)
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "<script" not in answer.text


def test_every_link_between_the_pages_leads_somewhere(bundle_folder, tmp_path):
    live, ids = served(bundle_folder, tmp_path, "calm")
    with client_of(live) as client:
        for _, answer in pages_of(live, ids[0]):
            inside = {u.split("#")[0] for u in Page(answer.text).links}
            for address in inside:
                if address.startswith("/"):
                    assert client.get(address).status_code == 200, address


def test_no_page_leaves_out_a_level_of_its_headings(bundle_folder, tmp_path):
    live, ids = served(bundle_folder, tmp_path, "calm")
    for path, answer in pages_of(live, ids[0]):
        levels = [int(n) for n in re.findall(r"<h([1-6])", answer.text)]
        deeper = [b - a for a, b in zip([0, *levels], levels, strict=False)]
        assert (levels.count(1), max(deeper)) == (1, 1), path


def test_the_proof_is_said_in_a_leaders_words(bundle_folder, tmp_path):
    live, ids = served(bundle_folder, tmp_path, "calm")
    told = {path: Page(answer.text).all_text for path, answer in pages_of(live, ids[0])}
    said = "Of 41 accounts that left, 33 were red or orange 90 days before, and 2 were"
    assert said in told["/backtest"]
    assert said in told["/board"]
    for shown in ("0.0 % to 2.0 %", "segment: small", "4.0 % to 17.0 %", "2023-Q4",
                  "25.0 %", "3 months (7 scores)", "It does"):  # fmt: skip
        assert shown in told["/backtest"].replace("\xa0", " "), shown
    assert "Red is Critical, orange At risk, green Healthy." in told["/backtest"]
    assert "Critical and at risk" in told["/"]
    assert "0 of 1 colours kept their promise; broken: Healthy." in told["/backtest"]
    assert "Healthy broke its promise: 1.0" in told["/model"].replace("\xa0", " ")
    assert "Only 30 accounts had left" in told["/model"]
    first = "Terms of 3 months came up for the first time in the test"
    assert first in told["/model"]
    assert "Nothing is learned from surveys." in told["/model"]
    # where accounts start from is not their mean
    assert "Every account starts from" in told["/model"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("feature=nothing&to=1", 400),
        ("to=1", 200),
        ("feature=x&to=much", 400),
        ("feature=x&to=1&to=2", 400),
        ("more=1", 400),
        ("suggest=1", 200),
    ],
)
def test_what_an_account_is_asked_is_read_strictly(client, book, query, status):
    scored = book.scores["status"] == "scored"
    account_id = book.scores["account_id"][scored][0]
    answer = client.get(f"/accounts/{account_id}?{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("band=purple", "The address gives a `band` that does not exist here."),
        ("band=purple", "use green, yellow, orange, red or grey"),
        ("within=7", "use 30, 90, 180"),
        ("colour=red", "The address asks for something that does not exist here."),
    ],
)
def test_a_wrong_filter_is_named_with_what_may_be_asked(client, query, said):
    page = Page(client.get(f"/?{query}").text)
    assert said in page.all_text


def test_what_if_on_the_page_is_the_services_own_answer(client, book, bundle):
    scored = book.scores["status"] == "scored"
    account_id = book.scores["account_id"][scored][0]
    name = bundle.names[0]
    asked = {"account_id": account_id, "changes": {name: 3.0}}
    told = client.post("/v1/what-if", json=asked).json()
    page = client.get(f"/accounts/{account_id}?feature={name}&to=3").text
    chance = f"{100 * told['after']['churn_probability']:.1f}"
    assert f"Then the chance would be <b>{chance}" in page


def test_the_page_tells_why_the_rules_say_what_they_say(client, book):
    account_id = book.scores["account_id"][book.scores["status"] == "scored"][0]
    why, *lines = client.get(f"/v1/accounts/{account_id}").json()["rules"]["reasons"]
    page = html.unescape(squeezed(client, f"/accounts/{account_id}"))
    assert f"Why the rules say so: {why.partition(' because: ')[2]}" in page
    assert lines
    assert all(line in page for line in lines)


def test_what_if_repeats_what_was_asked_as_it_is_told_elsewhere(client, book, bundle):
    scored = book.scores["status"] == "scored"
    account_id = book.scores["account_id"][scored][0]
    share = next(spec for spec in bundle.specs if spec.unit == "share")
    path = f"/accounts/{account_id}?feature={share.name}&to=50"  # meant as 50 %
    assert re.search(rf"{share.label}: 5,000 %( instead of \d+ %)?\. Then the chance",
                     squeezed(client, path))  # fmt: skip


def test_what_if_offers_only_what_a_csm_can_act_on_and_what_is_asked(
    client, book, bundle
):
    acted = {spec.name for spec in bundle.specs if spec.actionable}
    given = next(spec.name for spec in bundle.specs if not spec.actionable)

    def offered(account_id, query=""):
        text = client.get(f"/accounts/{account_id}{query}").text
        menu = text.partition('<select name="feature">')[2].partition("</select>")[0]
        return re.findall(r'option value="([^"]*)"', menu)

    scored = book.scores["account_id"][book.scores["status"] == "scored"]
    menus = [offered(account_id) for account_id in scored[:10]]
    assert any(menus)
    assert {name for menu in menus for name in menu} <= acted
    assert given in offered(scored[0], f"?feature={given}&to=3")


def test_the_page_says_what_a_main_reason_is_where_one_is_shown(client):
    assert "The main reason is what raises the chance most" in squeezed(client, "/")


def squeezed(client, path):
    return " ".join(Page(client.get(path).text).all_text.split())


def test_a_first_run_shows_renewals_before_it_says_that_nothing_moved_yet(client):
    text = Page(client.get("/").text).all_text
    assert text.index("Renewals ahead") < text.index("Since the run before")


def test_without_a_backtest_the_page_says_what_to_do(client):
    answer = client.get("/backtest")
    assert (answer.status_code, "CH540" in answer.text) == (404, True)


def test_a_business_review_holds_neither_chance_nor_colour(bundle_folder, tmp_path):
    live, ids = served(bundle_folder, tmp_path, "calm")
    with client_of(live) as client:
        answer = client.get(f"/accounts/{ids[0]}?review=1")
    page = Page(answer.text)
    assert answer.status_code == 200
    assert "Business review: calm" in page.all_text
    assert "Calm (Calm): open since 2025-11-01." in page.all_text
    assert "The most active person has fallen silent" in page.all_text
    assert "Paid in the last twelve months: 1." in page.all_text
    assert "leave" not in page.all_text
    assert "aria-label" not in str([a for t, a in page.attributes if t == "span"])


@pytest.mark.parametrize("kind", ["portfolio", "board", "backtest", "review", "value"])
def test_a_report_is_one_file_that_leads_nowhere(bundle_folder, tmp_path, kind):
    live, ids = served(bundle_folder, tmp_path / "scores", "calm")
    save_bundle(live.serving.bundle, tmp_path / "bundle")
    size = write_portfolio(
        tmp_path / "scores",
        tmp_path / "report.html",
        bundle_folder=tmp_path / "bundle",
        kind=kind,
        account_id=ids[0] if kind in ("review", "value") else None,
    )
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert size == len(html.encode())
    assert all(link.startswith(("#", "data:")) for link in page.links), page.links
    assert "<script" not in html
    assert ("Open problems" in html) == (kind == "review")
    assert ("Value delivered" in html) == (kind in ("review", "value"))


@pytest.mark.parametrize("kind", ["portfolio", "review"])
def test_a_report_is_headed_by_the_company_even_without_a_bundle(tmp_path, kind):
    book = book_of(40, as_of=DAY)
    about = {"company": "Lamps & Sons"}
    write_scores(book, tmp_path / "scores", as_of=DAY, about=about)
    account = book.scores["account_id"][0] if kind == "review" else None
    out = tmp_path / "report.html"
    write_portfolio(
        tmp_path / "scores", out, bundle_folder=None, kind=kind, account_id=account
    )
    assert "Lamps &amp; Sons" in out.read_text(encoding="utf-8")


def test_tasks_stand_where_a_csm_looks_and_can_be_chosen(bundle_folder, tmp_path):
    live, ids = served(bundle_folder, tmp_path, "calm")
    with client_of(live) as client:
        account = Page(client.get(f"/accounts/{ids[0]}").text).all_text
        all_rows = client.get("/accounts.csv?task=call").text.splitlines()
        none = client.get("/accounts.csv?task=other").text.splitlines()
        book = Page(client.get("/").text).all_text
        assert client.get("/?tasks=call").status_code == 400
    assert account.index("To do") < account.index("Accounts like this")
    assert "calm by 2025-11-01" in account
    assert "To do by 2025-11-01: calm" in book
    assert (len(all_rows) > 1, len(none)) == (True, 1)


def board_of(folder, bundle):
    """Write the board's page of the scores in a folder."""
    save_bundle(bundle, folder / "bundle")
    out = folder / "board.html"
    write_portfolio(
        folder / "scores", out, bundle_folder=folder / "bundle", kind="board"
    )
    return out.read_text(encoding="utf-8")


def test_a_book_without_money_is_told_in_accounts(bundle_folder, tmp_path):
    nothing = np.full(40, np.nan)
    for day in (date(2025, 11, 1), DAY):
        book = book_of(40, as_of=day, value=nothing, expected_loss=nothing)
        write_scores(book, tmp_path / "scores", as_of=day)
    html = board_of(tmp_path, replace(load_bundle(bundle_folder), card=CARD))
    said, _, table = html.partition("The ten accounts")
    assert "Expected to leave" in said
    assert "Since the run before (2025-11-01)" in said
    assert not [
        word for word in ("ARR", "loss", "at risk") if word in Page(said).all_text
    ]
    assert table
    assert "ARR" not in Page(table).all_text


def test_who_has_no_colour_is_counted_beside_the_sums_that_hold_his_money(
    bundle_folder, tmp_path
):
    for day in (date(2025, 11, 1), DAY):
        grey = book_of(9, as_of=day, band=np.full(9, "grey", dtype=object))
        write_scores(grey, tmp_path, as_of=day)
    live = Live(serving=make_serving(load_bundle(bundle_folder), scores=tmp_path))
    with client_of(live) as client:
        told = Page(client.get("/").text).all_text
        rows = client.get("/v1/accounts?band=grey").json()["accounts"]
        of_one = squeezed(client, f"/accounts/{rows[0]['account_id']}")
    assert "Nothing to compare: it was not scored in both runs." in of_one
    due = sum((row["days_to_renewal"] or 180) < 180 for row in rows)
    _, _, told = told.partition("The same as a table")
    over_time, _, ahead = told.partition("Renewals ahead")
    assert "CriticalNot enough data" in over_time
    assert due > 0
    assert f"180 days0000{due}" in ahead
    assert "No account has a colour in both runs." in ahead


def test_a_portfolio_has_no_column_and_no_filter_for_what_nobody_knows(
    bundle_folder, tmp_path
):
    nothing, never = np.full(9, np.nan), np.full(9, np.datetime64("NaT", "D"))
    missing = {"owner": np.full(9, None), "renewal_date": never}
    missing |= dict.fromkeys(("value", "expected_loss", "days_to_renewal"), nothing)
    write_scores(book_of(9, as_of=DAY, **missing), tmp_path, as_of=DAY)
    live = Live(serving=make_serving(load_bundle(bundle_folder), scores=tmp_path))
    with client_of(live) as client:
        bare = squeezed(client, "/").partition("Skip to the content")[2]
        asked = client.get("/?within=30").text
    assert "most urgent first (risk)" in bare
    assert not [w for w in ("Renew", "ARR", "Owner", "loss", "Urgency") if w in bare]
    assert 'name="within"' in asked  # who came by an old address sees what it asks


def test_one_account_and_one_day_are_told_in_the_singular():
    line = {"days_before": 1, "churners": 1, "red_or_orange": 1, "green": 0}
    report = {"verdict": {"skill": True}, "lead_time": [line]}
    assert headline(report) == (
        "Of 1 account that left, 1 was red or orange 1 day before, and 0 were green."
    )


@pytest.mark.parametrize(
    ("skill", "chosen", "told"),
    [(True, "blend", False), (False, "blend", True), (False, "rules", True)],
)
def test_the_proof_says_whose_colours_it_judges_where_they_are_not_shown(
    skill, chosen, told
):
    verdict = {**REPORT["verdict"], "skill": skill, "chosen": chosen}
    report = {**REPORT, "verdict": verdict}
    said = Page(proof_page(report, company="Example", since={})).all_text
    assert ("Judged are the chances of" in said) is told


def test_a_board_without_renewals_money_or_skill_ranks_nobody(bundle_folder, tmp_path):
    nothing = np.full(40, np.nan)
    book = book_of(40, as_of=DAY, value=nothing, expected_loss=nothing,
                   days_to_renewal=nothing)  # fmt: skip
    write_scores(book, tmp_path / "scores", as_of=DAY)
    verdict = {**REPORT["verdict"], "skill": False}
    card = {**CARD, "backtest": {**REPORT, "verdict": verdict}}
    bundle = replace(load_bundle(bundle_folder), card=card)
    said = Page(board_of(tmp_path, bundle)).all_text
    assert "the colours are unproven" in said
    assert "Renewals ahead" not in said
    assert "The ten accounts" not in said


@pytest.mark.parametrize(
    ("kind", "account_id", "code"),
    [
        ("poem", None, "CH005"),
        ("review", None, "CH005"),
        ("value", None, "CH005"),
        ("board", "a1", "CH005"),
        ("board", None, "CH540"),
        ("review", "nobody", "CH503"),
    ],
)
def test_a_report_that_cannot_be_made_leaves_no_file(
    scores_folder, tmp_path, kind, account_id, code
):
    with pytest.raises(ChurnHealthError) as caught:
        write_portfolio(
            scores_folder,
            tmp_path / "r.html",
            bundle_folder=None,
            kind=kind,
            account_id=account_id,
        )
    assert (caught.value.code, list(tmp_path.iterdir())) == (code, [])
    assert code != "CH005" or repr(kind) in str(caught.value)
    forgotten = kind in ("review", "value") and account_id is None
    assert ("without --account" in caught.value.what) is forgotten


def test_the_proof_shows_what_became_of_earlier_scores(bundle_folder, tmp_path):
    live, _ = served(bundle_folder, tmp_path, "calm")
    line = {**REPORT["bands"][0], "n": 70, "observed": 0.4, "kept": False}
    told = {
        "schema_version": 1,
        "data_until": "2025-12-31",
        "runs": [{"as_of": "2025-10-01", "closes": "2026-01-29"}],
        "models": [
            {"model_version": "m1", "known": 70, "from": "2025-03-01",
             "to": "2025-09-01", "accounts": 50, "churned_accounts": 9,
             "predicted": 0.1, "observed": 0.4, "interval": [0.2, 0.6],
             "bands": [line], "broken": [],
             "churners": {"grey": 1, "green": 5, "yellow": 0, "orange": 0, "red": 3}},
            {"model_version": "m2", "known": 0},
        ],
    }  # fmt: skip
    with client_of(live) as client:
        assert "What became of" not in client.get("/backtest").text
        write_outcomes(tmp_path, told)
        shown = Page(client.get("/backtest").text).all_text.replace("\xa0", " ")
    assert "9 of 50 accounts left" in shown
    assert "last shown as Healthy (5), Critical (3), Not enough data (1)." in shown
    assert "still open closes on 2026-01-29" in shown
    assert "m2" not in shown
