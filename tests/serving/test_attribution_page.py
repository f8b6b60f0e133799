"""The attribution page says what the marts say, in every view, in numbers, pictures and words."""

from __future__ import annotations

import io
import itertools
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser
from rich.console import Console

from serving import release
from serving.attribution import data, flows, page, reading, terminal
from serving.attribution.contents import Story, View
from serving.release import Release, ReleaseError
from serving.report import html
from tests.serving import attributed, warehouse
from tests.serving.attributed import Journey
from tests.serving.test_page_in_browser import opened
from tests.serving.test_report import HOSTILE, Page
from tests.serving.warehouse import GATES, Places


def published(folder: Path, *statements: str, journeys: tuple[Journey, ...] = attributed.JOURNEYS) -> Release:
    places = Places(folder)
    warehouse.build(places.warehouse_path)
    attributed.add(places.warehouse_path, journeys)
    with duckdb.connect(str(places.warehouse_path)) as db:
        for statement in statements:
            db.execute(statement)
    return release.publish(places, GATES)


def story_of(served: Release) -> Story:
    story = data.read(served)
    assert story is not None
    return story


def shown(story: Story) -> View:
    assert story.default is not None
    return story.views[story.default]


def words(view: View, story: Story) -> str:
    return "\n".join(reading.sentences(view, story.rules[view.period], story.currency))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return published(tmp_path_factory.mktemp("attributed"))


@pytest.fixture(scope="module")
def source(served: Release) -> str:
    path = page.write(served)
    assert path == served.path / "attribution.html"
    return path.read_text(encoding="utf-8")


def test_customers_of_the_newest_whole_quarter_come_first_and_every_view_is_there(served: Release) -> None:
    story = story_of(served)
    assert story.types == ("customer", "lead")
    assert [(one.cadence, str(one.start), one.is_whole) for one in story.periods] == [
        ("quarter", "2026-07-01", True),
        ("quarter", "2026-04-01", True),
    ]
    assert shown(story).conversion_type == "customer"
    assert {key: view.journeys.conversions for key, view in story.views.items()} == {
        (kind, one): count
        for one, counts in zip(story.periods, ((40, 50), (1, 0)), strict=True)
        for kind, count in zip(story.types, counts, strict=True)
    }


def test_journeys_are_counted_as_the_paths_say(served: Release) -> None:
    journeys = shown(story_of(served)).journeys
    assert (journeys.conversions, journeys.touched, journeys.value) == (40, 36, 43_400)
    assert journeys.flows == {("organic_search", "sales"): 20, ("paid_search", "sales"): 10, ("sales", "sales"): 6}
    assert journeys.channels == ("sales", "email", "organic_search", "paid_search")
    assert [journeys.held(*pair) for pair in (("sales", "email"), ("email", "sales"), ("email", "email"))] == [30] * 3
    assert journeys.held("organic_search", "paid_search") == 0
    assert journeys.days is not None
    assert journeys.days.counts == (6, 0, 0, 10, 20, 0)
    assert journeys.touches is not None
    assert journeys.touches.counts == (6, 0, 20, 10, 0, 0, 0)
    assert (journeys.days.median, journeys.touches.median) == (40.5, 3)
    assert [(path.channels, path.conversions) for path in journeys.paths] == [
        (("organic_search", "email", "sales"), 20),
        (("paid_search", "email", "sales"), 10),
        (("sales",), 6),
    ]


def test_the_page_shows_the_numbers_of_the_marts(source: str) -> None:
    said = Page(source).words
    assert "First touch Last touch Linear Range" in said
    # Email begins and ends nothing, and has a third of twenty paths and half of ten.
    assert "Email 0 0 11.7 0 – 11.7" in said
    assert "Sales 6.0 36.0 15.2 6.0 – 36.0" in said
    assert "Total 40.0 40.0 40.0" in said
    assert "Email −3.9 −3.9 +7.8 3.9" in said
    # 3,000 for ten first touches; the half of a conversion that there is not has no cost.
    assert "Paid search €300 – €1,200 €300 – €1,200 €3,000 €2,000" in said
    assert "Paid search 10.0× 0 2.50× 0 – 10.0× €3,000 €2,000" in said
    assert "Sales 100% 83.3% 55.6% 27.8%" in said
    assert "40.0% 31.0% – 52.0%" in said
    assert (
        "Shapley (rate) and Logistic regression are withheld for 2 months up to September 2026: only 36 conversions"
        in said
    )
    assert "Markov: paths convert worse with email." in said
    assert "Touches of the company 60 days back" in said
    assert re.search(r"Not assigned( –)+ €900 €0", said), "money spent for no channel is in the table too"
    assert "Lead source n/a 12 unknown n/a: it knows no deal – –" in said
    assert "First touch KPI 3 of 12 €60.0k 30.0% –" in said
    assert "Marketing before sales 5 of 12 €90.0k 45.0% +€30.0k" in said
    assert "Influenced not a source 9 of 12 €120k 60.0% –" in said
    assert "There were no leads in this period." in said


def test_the_reading_is_found_in_the_numbers(served: Release) -> None:
    story = story_of(served)
    said = words(shown(story), story)
    assert "Models disagree most on Sales: 36 conversions by Last touch" in said
    assert (
        "on Organic search: 20 conversions by First touch, which counts how often it begins a path; 0 by Last" in said
    )
    assert (
        "Organic search opens journeys more than it closes them: of the customers with a known path 55.6% begin" in said
    )
    assert "Sales closes journeys more than it opens them" in said
    assert "Email works in between: it is in 83.3% of the paths" in said
    assert "Email and Sales meet most: 83.3% of the paths hold both" in said
    assert "Half of the customers are reached within 40.5 days of their first touch and by 3 touches" in said
    assert (
        "What Paid search costs depends most on the model: €300 for each of the customers by First touch, €1,200"
        in said
    )
    assert "Of 10.0% of the customers no touch is known" in said
    assert "marketing sourced €60.0k under the rule “first touch” and €90.0k under “marketing before sales”" in said
    assert said.endswith("not cause: only an experiment shows what a channel adds.")


def test_nothing_is_said_where_nothing_differs(tmp_path: Path) -> None:
    story = story_of(published(tmp_path, journeys=(Journey(40, ("email",), 3),)))
    told = reading.sentences(shown(story), (), story.currency)
    assert [sentence.split(" ")[0] for sentence in told[:-1]] == ["Half", "Shapley"]


def test_a_few_conversions_are_called_few(served: Release) -> None:
    story = story_of(served)
    spring = story.views["customer", story.periods[1]]
    assert "This is only one of the customers: one more or less moves a share by 100%" in words(spring, story)
    assert "There were no leads in this period" in words(story.views["lead", story.periods[1]], story)


def test_ribbons_leave_and_reach_their_nodes_whole() -> None:
    counts = {("a", "b"): 5, ("a", "c"): 3, ("b", "b"): 1, ("x", "y"): 2}
    drawn = flows.flow(counts, ("a", "b", "c"))
    assert drawn is not None
    for nodes, end in ((drawn.firsts, "first"), (drawn.lasts, "last")):
        reached = Counter[str]()
        for ribbon in drawn.ribbons:
            reached[getattr(ribbon, end)] += ribbon.count
        assert {node.channel: node.count for node in nodes} == dict(reached)
        assert sum(node.share for node in nodes) == pytest.approx(1)
        assert all(above.top + above.height < below.top for above, below in itertools.pairwise(nodes))
    assert [node.channel for node in drawn.firsts] == ["a", "b", flows.OTHERS]
    assert flows.flow({}, ()) is None


def test_the_page_is_safe_whole_and_the_same_when_written_again(served: Release, source: str) -> None:
    parsed = Page(source)
    assert {tag for tag, _ in parsed.tags}.isdisjoint({"script", "img", "link", "iframe", "object", "embed", "base"})
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert "://" not in source
    assert all(link.startswith("#") or link == "scorecard.html" for link in parsed.all("href"))
    ids = list(parsed.all("id"))
    assert len(ids) == len(set(ids))
    for target in [link.removeprefix("#") for link in parsed.all("href") if link != "scorecard.html"]:
        assert target in ids
    assert {*parsed.all("for")} <= {*ids}
    assert all(attributes.get("aria-label") for _, attributes in parsed.tags if attributes.get("role") == "img")
    assert page.render(served) == source
    assert len(source) < 600_000


def test_no_person_is_in_the_page(source: str) -> None:
    assert "hubspot:" not in source
    assert "person-" not in source


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    text = HOSTILE.replace("'", "''")
    hostile = published(
        tmp_path,
        *(
            f"update marts.{mart} set {column} = '{text}' where {column} = '{was}'"
            for mart, column, was in (
                ("attribution_channels", "channel", "email"),
                ("attribution_channels", "model", "linear"),
                ("attribution_credits", "channel", "email"),
                ("attribution_data_driven", "channel", "email"),
                ("journeys", "first_channel", "paid_search"),
            )
        ),
        f"update marts.attribution_data_driven set withheld_reason = '{text}' where withheld_reason is not null",
        f"update marts.attribution_paths set channel_path = '{text}' where frequency_rank = 1",
    )
    made = page.render(hostile)
    assert made is not None
    parsed = Page(made)
    assert {tag for tag, _ in parsed.tags}.isdisjoint({"script", "img"})
    assert parsed.words.count("<script>alert(1)</script>") > 10
    assert "{{ 7*7 }}" in parsed.words


def test_a_channel_that_holds_the_separator_is_one_step(tmp_path: Path) -> None:
    text = '"fair > ""booth""" > email'
    story = story_of(published(tmp_path, f"update marts.attribution_paths set channel_path = '{text}'"))
    told = {path.channels for view in story.views.values() for path in view.journeys.paths}
    assert told == {('fair > "booth"', "email")}


def test_a_release_without_conversions_has_a_page_that_says_so(tmp_path: Path) -> None:
    tables = ("attribution_channels", "attribution_credits", "attribution_paths", "journeys")
    empty = published(tmp_path, *(f"delete from marts.{table}" for table in tables))
    made = page.render(empty)
    assert made is not None
    assert "there is nothing to attribute" in Page(made).words
    assert story_of(empty).default is None


def test_a_release_without_these_marts_has_no_page_and_no_link_to_one(places: Places) -> None:
    bare = release.publish(places, GATES)
    assert page.write(bare) is None
    assert "attribution.html" not in html.render(bare)
    with pytest.raises(ReleaseError, match="has no attribution"):
        terminal.render(bare)


def test_the_scorecard_leads_to_it_and_the_terminal_says_it_in_words(served: Release) -> None:
    assert "attribution.html" in {*Page(html.render(served)).all("href")}
    console = Console(width=100, record=True, file=io.StringIO(), color_system=None)
    console.print(terminal.render(served))
    text = console.export_text()
    assert text.startswith("Customers, Q3 2026\n· Models disagree most on Sales")
    assert "attribution.html" in text.replace("\n", "")


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen_and_asks_for_nothing(
    browser: Browser, served: Release, source: str, width: int, scheme: str
) -> None:
    shown_page = opened(browser, (served.path / page.PAGE).as_uri(), width, scheme)
    assert source
    assert shown_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # No label of the flows is painted over another.
    overlaps = shown_page.evaluate(
        """() => [...document.querySelectorAll('.side')].flatMap(side => {
            const boxes = [...side.children].map(one => one.getBoundingClientRect()).filter(box => box.width)
            return boxes.filter((a, i) => boxes.some((b, j) => i < j && a.top < b.bottom - 1 && b.top < a.bottom - 1))
        }).length"""
    )
    assert overlaps == 0
    shown_page.close()


@pytest.mark.browser
def test_the_switches_show_one_view_and_one_measure(browser: Browser, served: Release, source: str) -> None:
    shown_page = opened(browser, (served.path / page.PAGE).as_uri(), 1280)
    assert source
    titles = shown_page.locator("#reading ~ .kind .titled").locator("visible=true")
    models = shown_page.locator("#models ~ .heat table").locator("visible=true")
    assert titles.all_inner_texts() == ["Customers, Q3 2026"]
    assert models.count() == 1
    shown_page.get_by_text("Leads", exact=True).first.click()
    assert titles.all_inner_texts() == ["Leads, Q3 2026"]
    shown_page.get_by_text("Q2 26", exact=True).first.click()
    assert titles.all_inner_texts() == ["Leads, Q2 2026"]
    shown_page.get_by_text("Customers", exact=True).first.click()
    shown_page.get_by_text("Gives and takes", exact=True).first.click()
    assert models.count() == 1
    assert "Average" in models.inner_text()
    shown_page.keyboard.press("ArrowLeft")
    assert "Average" not in models.inner_text()
    shown_page.emulate_media(media="print")
    assert models.count() == 3
    assert not shown_page.locator(".switch").first.is_visible()
    shown_page.close()
