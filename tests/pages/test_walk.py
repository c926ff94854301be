"""A CSM's morning in a real browser, against a real service."""

from datetime import UTC, date, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.serve.process import started

from churnhealth.commands.learn import train_bundle
from churnhealth.commands.tell import score_cohort
from churnhealth.config import Model, read_config
from churnhealth.demo import start_project
from churnhealth.progress import Progress
from churnhealth.sources.contract import day_of

pytestmark = pytest.mark.browser
PAGES = ("/", "/board", "/backtest", "/model")


def scored(folder):
    """Learn from a small company and score it on two days, as its owner would."""
    start_project(folder, accounts=150, seed=7)
    config = read_config(folder / "churnhealth.toml")
    quick = Model(ladder=("constant", "rules", "hazard", "logistic"))
    untracked = config.tracking.model_copy(update={"uri": ""})
    config = config.model_copy(update={"model": quick, "tracking": untracked})
    with Progress() as progress:
        train_bundle(
            config,
            out=folder / "model",
            as_of=None,
            today=date(2026, 1, 1),
            progress=progress,
        )
        for day in (date(2025, 12, 1), date(2026, 1, 1)):
            score_cohort(
                config,
                bundle_folder=folder / "model",
                out=folder / "runs",
                as_of=day_of(day),
                file_format="parquet",
                now=datetime(2026, 1, 1, tzinfo=UTC),
                progress=progress,
            )


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A small company, scored on two days, served."""
    folder = tmp_path_factory.mktemp("walk")
    scored(folder / "d")
    with started(
        folder, "--bundle", folder / "d/model", "--scores", folder / "d/runs"
    ) as running:
        yield f"http://127.0.0.1:{running.port}"


def opened(browser, service, path, **how):
    """Open a page; give it with all that it complained of or asked elsewhere."""
    page = browser.new_page(**how)
    heard = []
    page.on("console", lambda m: heard.append(f"console {m.type}: {m.text}"))
    page.on("pageerror", lambda e: heard.append(f"error: {e}"))
    page.on(
        "request",
        lambda r: r.url.startswith((service, "data:")) or heard.append(r.url),
    )
    page.goto(service + path, wait_until="load")
    return page, heard


def first_account(page):
    return page.locator("table.book tbody th a").first


@pytest.mark.parametrize("script", [True, False])
def test_a_morning_from_the_list_to_what_would_help(browser, service, script):
    page, heard = opened(browser, service, "/", java_script_enabled=script)
    owner = page.locator("select[name=owner] option").nth(1).inner_text()
    page.select_option("select[name=owner]", owner)
    page.get_by_role("button", name="Show").click()
    assert f"owner={owner}" in page.url
    rows = page.locator("table.book tbody tr")
    assert all(owner in rows.nth(i).inner_text() for i in range(rows.count()))

    name = first_account(page).inner_text()
    first_account(page).click()
    assert page.locator("h1").inner_text() == name
    assert page.get_by_text("Raises the risk").count() == 1
    assert page.get_by_text("It adds up:").count() == 1
    assert page.get_by_role("heading", name="Since the run before").count() == 1
    assert page.get_by_text("Known from the second run on.").count() == 0
    assert page.locator("svg.chances .dot").count() == 2

    page.get_by_role("link", name="Look for the fewest changes").click()
    assert page.locator("#what-if + section p b").first.inner_text()
    page.fill("input[name=to]", "3")
    page.get_by_role("button", name="Ask").click()
    assert "Then the chance would be" in page.locator("p[role=status]").inner_text()
    assert heard == []
    page.close()


def test_the_keyboard_alone_leads_to_an_account(browser, service):
    page, _ = opened(browser, service, "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    first = first_account(page)
    for _ in range(80):
        page.keyboard.press("Tab")
        if first.evaluate("a => a === document.activeElement"):
            break
    outline = first.evaluate("a => getComputedStyle(a).outlineStyle")
    assert outline == "solid"
    name = first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_load_state("load")
    assert page.locator("h1").inner_text() == name
    page.close()


@pytest.mark.parametrize("width", [390, 1100])
def test_on_a_narrow_screen_the_list_is_sorted_by_links_that_are_seen(
    browser, service, width
):
    screen = {"width": width, "height": 800}
    page, _ = opened(browser, service, "/", viewport=screen, reduced_motion="reduce")
    for word in ("Account", "Chance", "Renewal", "ARR", "Expected loss"):
        link = page.locator("table.book thead").get_by_role("link", name=word)
        link.focus()
        box = link.bounding_box()
        assert 0 <= box["x"] <= width - box["width"]
        seen = """([x, y]) => document.elementFromPoint(x, y)
            === document.activeElement"""
        at = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
        assert page.evaluate(seen, at), word
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=loss**")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_quiet_and_fits_a_narrow_screen(
    browser, service, scheme
):
    start, _ = opened(browser, service, "/")
    account = first_account(start).get_attribute("href")
    start.close()
    for path in (*PAGES, account, f"{account}?suggest=1", f"{account}?review=1"):
        page, heard = opened(browser, service, path, color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        serious = [
            (v["id"], v["nodes"][0]["html"][:200])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], path
        assert heard == []
        for width in (320, 768):
            page.set_viewport_size({"width": width, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (path, wide)
        page.close()


def test_no_width_of_the_window_lets_a_number_out_of_its_card(browser, service):
    page, _ = opened(browser, service, "/")
    page.evaluate(  # an address of mail, and the widest colour there is
        """document.querySelectorAll("[data-l=Owner]").forEach(
            e => e.textContent = "katherine.montgomery-smith@success.example.com");
        const colour = document.querySelector(".grid.three tbody .b");
        colour.lastChild.textContent = "Not enough data"; """
    )
    for width in (320, 360, 640, 700, 1000, 1100, 1200, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        out = page.evaluate(
            """[document.documentElement, ...document.querySelectorAll(".grid > .card")]
            .filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)"""
        )
        assert out == [], width
    page.close()


@pytest.mark.parametrize("width", [1130, 1280])
def test_the_name_of_an_owner_breaks_between_its_words_alone(browser, service, width):
    screen = {"width": width, "height": 800}
    page, _ = opened(browser, service, "/", viewport=screen)
    lines = page.evaluate(
        """[...document.querySelectorAll("[data-l=Owner]")].map(e => {
             e.textContent = "Montgomery"
             const word = document.createRange()
             word.selectNodeContents(e)
             return word.getClientRects().length
           })"""
    )
    assert set(lines) == {1}
    page.close()


def test_a_phone_shows_every_column_and_breaks_no_word(browser, service):
    account = first_of(browser, service)
    for path in (*PAGES, account, f"{account}?review=1"):
        page, _ = opened(browser, service, path, viewport={"width": 390, "height": 844})
        cut = page.evaluate(
            """[...document.querySelectorAll(".scroll")]
            .filter(e => e.scrollWidth > e.clientWidth && e.checkVisibility())
            .map(e => e.getAttribute("aria-label"))"""
        )
        assert cut == [], path
        anywhere = page.evaluate(
            """[...document.querySelectorAll(".scroll th, .scroll td")]
            .filter(e => getComputedStyle(e).overflowWrap === "anywhere").length"""
        )
        assert anywhere == 0, path
        page.close()


def test_beside_another_card_a_table_breaks_no_word(browser, service):
    page, _ = opened(
        browser,
        service,
        first_of(browser, service),
        viewport={"width": 1024, "height": 800},
    )
    broken = page.evaluate(
        """[...document.querySelectorAll(".tight td")].filter(e => {
             const text = e.firstChild
             if (text?.nodeType !== 3 || /\\s|-/.test(text.data.trim())) return false
             const word = document.createRange()
             word.selectNodeContents(text)
             return word.getClientRects().length > 1
           }).map(e => e.textContent)"""
    )
    assert broken == []
    page.close()


@pytest.mark.parametrize("width", [320, 360, 800, 1280])
def test_plots_stand_without_script_and_no_word_is_cut_or_covered(
    browser, service, width
):
    screen = {"width": width, "height": 800}
    page, heard = opened(
        browser, service, "/backtest", viewport=screen, java_script_enabled=False
    )
    plots = page.locator("figure.plot > svg")
    assert plots.count() >= 5
    for plot in plots.all():
        box = plot.bounding_box()
        assert box["height"] > 150
        words = [word.bounding_box() for word in plot.locator("text").all()]
        for at, one in enumerate(words):
            assert one["x"] >= box["x"]
            assert one["y"] >= box["y"]
            assert one["x"] + one["width"] <= box["x"] + box["width"] + 1
            assert one["y"] + one["height"] <= box["y"] + box["height"] + 1
            assert 8 <= one["height"] <= 24  # readable, whatever the screen
            assert not [word for word in words[:at] if overlaps(one, word)]
    assert heard == []
    page.close()


def overlaps(one, other):
    """Say whether two words touch; boxes of letters have some air above and below."""
    across = min(one["x"] + one["width"], other["x"] + other["width"])
    down = min(one["y"] + one["height"], other["y"] + other["height"])
    return across - max(one["x"], other["x"]) > 1 < down - max(one["y"], other["y"]) - 2


def test_the_board_review_the_proof_and_an_account_print(browser, service):
    account = first_of(browser, service)
    for path in ("/board", "/backtest", account, f"{account}?review=1"):
        page, _ = opened(browser, service, path)
        page.emulate_media(media="print")
        assert page.locator("nav").first.is_hidden()
        assert len(page.pdf()) > 10_000
        page.close()


def test_print_asks_nothing_and_keeps_what_was_answered(browser, service):
    account = first_of(browser, service)
    for path, shown in ((account, False), (f"{account}?suggest=1", True)):
        page, _ = opened(browser, service, path)
        asked = page.get_by_role("heading", name="What would help?")
        assert asked.is_visible()
        page.emulate_media(media="print")
        assert asked.is_visible() is shown
        page.close()


def test_a_printed_list_is_black_on_white_and_says_which_page_of_it_this_is(
    browser, service
):
    page, _ = opened(browser, service, "/")
    page.emulate_media(media="print", color_scheme="dark")
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(26, 29, 32)"
    assert page.get_by_text("Page 1 of 3").is_visible()
    assert page.get_by_role("link", name="Next").count() == 0
    assert not page.locator("p.count").inner_text().rstrip().endswith("·")
    page.close()


def first_of(browser, service):
    page, _ = opened(browser, service, "/")
    address = first_account(page).get_attribute("href")
    page.close()
    return address
