"""The page in a real browser: it loads nothing else, fits a phone, follows the chosen cadence and prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from serving import release
from serving.report import html
from tests.serving import warehouse
from tests.serving.warehouse import GATES, Places

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    places = Places(tmp_path_factory.mktemp("browser"))
    warehouse.build(places.warehouse_path)
    return html.write(release.publish(places, GATES)).as_uri()


def opened(browser: Browser, address: str, width: int, scheme: str = "light") -> Page:
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(address)
    assert requests == [address]
    assert complaints == []
    return page


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_every_screen_and_asks_for_nothing(
    browser: Browser, address: str, width: int, scheme: str
) -> None:
    page = opened(browser, address, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.get_by_text("North Star", exact=True).first.is_visible()
    # No text may be painted over other text: the columns of a row do not overlap.
    overlaps = page.evaluate(
        """() => [...document.querySelectorAll('.kpis tr:first-child')].flatMap(row => {
            const boxes = [...row.children].map(cell => cell.getBoundingClientRect()).filter(box => box.width)
            return boxes.filter((a, i) => boxes.some((b, j) => i < j && a.left < b.right - 1 && b.left < a.right - 1
                && a.top < b.bottom - 1 && b.top < a.bottom - 1))}).length"""
    )
    assert overlaps == 0
    page.close()


def test_choosing_a_cadence_and_a_measure_shows_theirs_alone(browser: Browser, address: str) -> None:
    page = opened(browser, address, 1280)
    for cadence, period in (("Month", "October 2026"), ("Week", "Week 47, 16–22 Nov 2026"), ("Year", "2025")):
        page.get_by_text(cadence, exact=True).first.click()
        row = page.locator("#sales tbody", has_text="Revenue (bookings)").locator("visible=true")
        assert row.count() == 1
        assert period in row.inner_text()
    page.get_by_text("Cost per customer", exact=True).first.click()
    shown = page.locator(".heat table").locator("visible=true")
    assert shown.count() == 1
    assert "€1,505" in shown.inner_text()
    page.close()


def test_a_keyboard_alone_reaches_the_cadences(browser: Browser, address: str) -> None:
    page = opened(browser, address, 1280)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.locator("#at-quarter").is_checked()
    page.close()


def test_print_holds_the_chosen_cadence_every_measure_and_no_controls(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    page = opened(browser, address, 1280)
    page.emulate_media(media="print")
    assert not page.locator(".switch").first.is_visible()
    assert page.locator(".heat table").locator("visible=true").count() == 3
    assert page.locator("#sales table").locator("visible=true").count() == 1
    page.pdf(path=str(tmp_path / "scorecard.pdf"), prefer_css_page_size=True, print_background=True)
    assert (tmp_path / "scorecard.pdf").read_bytes().count(b"/Type /Page\n") <= 6
    page.close()
