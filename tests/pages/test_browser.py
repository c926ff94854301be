"""The report in a real Chromium: quiet, closed, and readable on a narrow screen."""

import pytest
from tests.pages.made_up import CARD, portfolio
from tests.pages.test_render import HOSTILE, hostile_everywhere

from churnhealth.pages.render import render_report, write_report
from churnhealth.pages.summary import summarise

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_report(file, render_report(summarise(*portfolio(40), CARD)))
    return file.as_uri()


def opened(browser, address, **how):
    """Open a page; give it with all that it said, asked for and sent."""
    page = browser.new_page(**how)
    heard = []
    page.on("console", lambda m: heard.append(f"console {m.type}: {m.text}"))
    page.on("pageerror", lambda e: heard.append(f"error: {e}"))
    page.on("dialog", lambda d: (heard.append(f"dialog: {d.message}"), d.dismiss()))
    page.on(
        "request",
        lambda r: r.url in (address, "data:,") or heard.append(f"request: {r.url}"),
    )
    page.goto(address, wait_until="load")
    return page, heard


def test_the_report_opens_without_a_word_and_asks_the_network_for_nothing(
    browser, report
):
    page, heard = opened(browser, report)
    assert page.locator("h1").inner_text() == "Example: customer health"
    assert heard == []
    page.close()


def test_hostile_texts_fire_no_dialog_and_no_request(browser, tmp_path):
    file = tmp_path / "hostile.html"
    summary = hostile_everywhere(40, lambda i: HOSTILE[i % len(HOSTILE)])
    write_report(file, render_report(summary))
    page, heard = opened(browser, file.as_uri())
    page.locator("tbody a").first.click()
    page.mouse.move(200, 200)
    page.wait_for_load_state("networkidle")
    assert heard == []
    page.close()


@pytest.mark.parametrize("width", [320, 360, 768, 1024, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_sideways(browser, report, width, scheme):
    screen = {"width": width, "height": 800}
    page, _ = opened(browser, report, viewport=screen, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_a_long_owner_widens_no_phone(browser, tmp_path):
    file, mail = tmp_path / "long.html", "katherine.montgomery-smith{}@success.example"
    write_report(
        file, render_report(hostile_everywhere(40, lambda i: mail.format(i % 3)))
    )
    page, _ = opened(browser, file.as_uri(), viewport={"width": 360, "height": 800})
    assert page.locator("h3", has_text="By owner").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_it_works_without_script_and_by_keyboard(browser, report):
    page, _ = opened(browser, report, java_script_enabled=False)
    page.locator("#accounts ~ table tbody a").first.press("Enter")
    assert page.url.endswith("#a1")
    page.close()


def test_a_colour_and_an_owner_can_be_picked(browser, report):
    page, _ = opened(browser, report)
    rows = page.locator(".list:not(.off) tbody tr")
    green = page.locator(".list tr.in-green")
    assert green.first.is_visible()
    page.locator("#show-green").uncheck()
    assert not green.first.is_visible()
    page.locator("#owner-0").check()
    shown = [r for r in rows.all() if r.is_visible()]
    assert shown
    assert {r.locator("td").nth(6).inner_text() for r in shown} == {
        page.locator("label:has(#owner-0)").inner_text().strip()
    }
    page.close()


def test_text_is_dark_on_light_and_light_on_dark(browser, report):
    def lightness(scheme, what):
        page, _ = opened(browser, report, color_scheme=scheme)
        colour = page.evaluate(f"getComputedStyle(document.body).{what}")
        page.close()
        return sum(int(c) for c in colour[4:-1].split(","))

    assert lightness("light", "color") < 200 < lightness("light", "backgroundColor")
    assert lightness("dark", "color") > 600 > lightness("dark", "backgroundColor")


def test_it_prints(browser, report):
    page, _ = opened(browser, report)
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()
