"""The scorecard says what the release says, in the terminal and on a page that is safe, whole and asks for nothing."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from serving import release
from serving.report import cards, contents, data, html, table, terminal
from tests.serving import warehouse
from tests.serving.warehouse import GATES, Places

VOID = {"meta", "input", "br", "hr", "col", "img", "link"}
HOSTILE = """<script>alert(1)</script>"><img src=https://evil.example/x onerror=alert(2)>' {{ 7*7 }} & co"""


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on a tag that is closed out of order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.styles = ""
        self._open: list[str] = []
        self.feed(source)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.styles += data
        elif data.strip():
            self.text.append(" ".join(data.split()))

    @property
    def words(self) -> str:
        return " ".join(self.text)

    def all(self, attribute: str) -> Iterator[str]:
        return (attributes[attribute] for _, attributes in self.tags if attribute in attributes)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> release.Release:
    places = Places(tmp_path_factory.mktemp("report"))
    warehouse.build(places.warehouse_path)
    return release.publish(places, GATES)


@pytest.fixture(scope="module")
def page(published: release.Release) -> Page:
    return Page(html.write(published).read_text(encoding="utf-8"))


def republished(tmp_path: Path, *statements: str, gates: list[dict[str, object]] | None = None) -> release.Release:
    """A release of the same marts after some SQL."""
    places = Places(tmp_path)
    warehouse.build(places.warehouse_path)
    with duckdb.connect(str(places.warehouse_path)) as db:
        for statement in statements:
            db.execute(statement)
    return release.publish(places, gates or GATES)


def test_the_page_asks_nothing_of_any_network(page: Page, published: release.Release) -> None:
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "link", "iframe", "object", "embed", "base"})
    for attribute in ("src", "srcset", "action", "data", "xlink:href", "poster"):
        assert list(page.all(attribute)) == [], attribute
    assert all(link.startswith("#") or link == "attribution.html" for link in page.all("href"))
    assert not re.search(r"url\(|@import|expression", page.styles)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    source = (published.path / "scorecard.html").read_text(encoding="utf-8")
    assert "://" not in source
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_the_page_is_small_and_the_same_when_written_again(published: release.Release, page: Page) -> None:
    first = html.write(published).read_bytes()
    assert html.write(published).read_bytes() == first
    assert len(first) < 400_000
    assert {path.name for path in published.path.iterdir() if path.suffix != ".parquet"} == {
        "manifest.json",
        "kpilote.duckdb",
        "scorecard.html",
    }


def test_every_reference_inside_the_page_leads_somewhere_and_every_picture_has_words(page: Page) -> None:
    ids = list(page.all("id"))
    assert len(ids) == len(set(ids))
    links = [link.removeprefix("#") for link in page.all("href") if link != "attribution.html"]
    for target in links + list(page.all("for")):
        assert target in ids
    pictures = [attributes for _, attributes in page.tags if attributes.get("role") == "img"]
    assert len(pictures) > 50
    assert all(attributes.get("aria-label") for attributes in pictures)
    svgs = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all("aria-hidden" in attributes or "aria-label" in attributes for attributes in svgs)


def test_the_page_shows_every_kpi_of_every_dashboard_in_both_languages(page: Page, published: release.Release) -> None:
    report = data.read(published)
    for name in contents.DASHBOARDS:
        for reading in report.dashboard(name, "month"):
            assert reading.kpi.label in page.words
            assert reading.kpi.label_fr in page.words
            assert reading.kpi.owner in page.words
            assert cards.card(reading).value in page.words
    assert "Sun 22 Nov 2026" in page.words
    assert "3 of 3" in page.words
    assert published.id in page.words
    assert "volume 31% below the usual Sunday" in page.words


def test_numbers_are_the_released_ones(published: release.Release) -> None:
    report = data.read(published)
    with published.connect() as db:
        rows = db.execute("select kpi, cadence, value, target, status, period_start from kpi_scorecard").fetchall()
    shown = {key: (r.value, r.target, r.status, r.start) for key, r in report.readings.items()}
    assert shown == {(kpi, cadence): rest for kpi, cadence, *others in rows for rest in [tuple(others)]}
    assert all(reading.history[-1].start == reading.start for reading in report.readings.values())


def test_only_what_misses_its_target_calls_for_its_decision(published: release.Release) -> None:
    report = data.read(published)
    wanting = report.decisions("month")
    statuses = [reading.status for reading in wanting]
    assert statuses == sorted(statuses, key=("off_track", "at_risk").index)
    assert len({reading.kpi.id for reading in wanting}) == len(wanting)
    printed = printed_scorecard(published, 175)
    for kpi in report.kpis:
        if kpi.dashboards:
            assert (kpi.decision in printed) == (kpi in [reading.kpi for reading in wanting]), kpi.id


def test_a_kpi_without_the_cadence_stands_at_the_nearest_one_and_says_so(
    published: release.Release, page: Page
) -> None:
    report = data.read(published)
    weekly = {reading.kpi.id: reading.cadence for reading in report.dashboard("vision", "week")}
    assert weekly == {"mrr": "week", "revenue": "week", "customer_churn_rate": "month", "cac": "month",
                      "ltv_cac_ratio": "quarter"}  # fmt: skip
    assert {r.kpi.id: r.cadence for r in report.dashboard("sales", "year")}["demos_next_week"] == "week"
    assert "Quarterly" in page.words


def test_missing_provisional_and_open_values_are_marked(page: Page, published: release.Release) -> None:
    assert "n/a: too few deals" in page.words
    assert "Provisional" in page.words
    assert "Nov 26 so far:" in page.words
    report = data.read(published)
    monthly = report.readings["leads_created", "month"]
    assert (monthly.start.month, monthly.so_far and monthly.so_far.start.month) == (10, 11)
    assert not any(reading.history[-1].start > reading.start for reading in report.readings.values())


def test_the_bridge_carries_opening_to_closing_and_shows_what_it_cannot_explain(
    published: release.Release, page: Page, tmp_path: Path
) -> None:
    bridge = data.read(published).bridge
    assert bridge is not None
    assert abs(bridge.unexplained) < 0.01
    assert "Unexplained" not in page.words
    broken = republished(tmp_path, "update marts.kpi_values set value = value - 500 where dimension_value = 'churn'")
    words = Page(html.render(broken)).words
    assert "Unexplained +€500" in words


def test_the_funnel_divides_each_step_by_the_one_above(published: release.Release, page: Page) -> None:
    steps = data.read(published).funnel
    assert [step.name for step in steps] == ["Sessions", "Leads", "MQLs", "Opportunities", "Won deals"]
    for above, step in itertools.pairwise(steps):
        assert step.count is not None
        assert above.count
        assert step.rate == pytest.approx(step.count / above.count)
    assert steps[-1].count == 31
    assert f"{100 * (steps[1].rate or 0):.2f}% of sessions" in page.words.replace(" of", " of")


def test_every_attribution_model_shares_out_the_same_total(published: release.Release, page: Page) -> None:
    attribution = data.read(published).attribution
    assert attribution is not None
    assert (attribution.cadence, str(attribution.start)) == ("quarter", "2026-07-01")
    assert attribution.models == warehouse.MODELS
    assert attribution.channels[-1] == "unattributed"
    for model in attribution.models:
        assert attribution.total(model).conversions == pytest.approx(93)
        assert attribution.total(model).value == pytest.approx(1_236_000, abs=0.05)
    assert f"Total{' 93.0' * len(warehouse.MODELS)} €59.0k" in page.words
    # Paid search spends 29,400 on the 19.53 customers its first touches are credited with.
    assert "Paid search €1,505" in page.words


def test_the_scorecard_as_csv_runs_nothing_and_keeps_its_numbers(tmp_path: Path, published: release.Release) -> None:
    def cells(served: release.Release) -> dict[str, dict[str, str]]:
        return {row["kpi"]: row for row in csv.DictReader(io.StringIO(table.render(served, "month")))}

    readings = {kpi: one for (kpi, cadence), one in data.read(published).readings.items() if cadence == "month"}
    found = cells(published)
    assert found.keys() == readings.keys()
    assert {kpi: row["value"] for kpi, row in found.items()} == {
        kpi: "" if one.value is None else str(one.value) for kpi, one in readings.items()
    }
    formula = '=HYPERLINK("https://evil.example")'
    hostile = republished(tmp_path, f"update marts.kpi_catalogue set owner = '{formula}' where kpi = 'mrr'")
    assert cells(hostile)["mrr"]["owner"] == f"'{formula}"


def test_hostile_text_stays_text_everywhere(tmp_path: Path) -> None:
    text = HOSTILE.replace("'", "''")
    columns = ("label_en", "label_fr", "description", "formula", "owner", "decision", "timing", "benchmark_source")
    sets = ", ".join(f"{column} = '{text}'" for column in columns)
    gates = [{"gate": HOSTILE, "passed": True, "tables": {HOSTILE: {"verdict": "warned", "detail": HOSTILE}}}]
    hostile = republished(
        tmp_path,
        f"update marts.kpi_catalogue set {sets}",
        f"update marts.attribution_channels set channel = '{text}' where channel = 'email'",
        f"update marts.attribution_channels set model = '{text}' where model = 'linear'",
        f"update marts.kpi_scorecard set null_reason = '{text}', value = null where kpi = 'revenue'",
        f"update marts.kpi_scorecard set status = '{text}' where kpi = 'cac'",
        f"update marts.kpi_scorecard set currency = '{text}' where kpi = 'cpl'",
        gates=gates,
    )
    page = Page(html.render(hostile))

    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img"})
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert all(link.startswith("#") or link == "attribution.html" for link in page.all("href"))
    assert page.words.count("<script>alert(1)</script>") > 20
    assert "{{ 7*7 }}" in page.words
    assert "[/bold]" not in printed_scorecard(hostile, 120)


def test_an_empty_release_still_gives_a_page_and_a_scorecard(tmp_path: Path) -> None:
    tables = ("kpi_values", "kpi_scorecard", "attribution_channels")
    empty = republished(tmp_path, *(f"delete from marts.{table}" for table in tables))
    assert "holds no KPI value yet" in Page(html.render(empty)).words
    assert "0 decisions to take" in printed_scorecard(empty, 100)


def test_without_targets_the_page_does_not_say_that_all_is_well(tmp_path: Path) -> None:
    unset = "set target = null, status = 'no_target'"
    bare = republished(tmp_path, *(f"update marts.{table} {unset}" for table in ("kpi_values", "kpi_scorecard")))
    words = Page(html.render(bare)).words
    assert "None of" in words and "indicators have a target to judge by" in words
    assert "Nothing calls for a decision" not in words


def printed_scorecard(published: release.Release, width: int, cadence: str = "monthly") -> str:
    console = Console(width=width, record=True, file=io.StringIO(), color_system=None)
    console.print(terminal.render(published, cadence))
    return console.export_text()


def test_the_terminal_says_what_the_page_says(published: release.Release) -> None:
    text = printed_scorecard(published, 175)
    assert "KPI scorecard, monthly, data through Sun 22 Nov 2026" in text
    line = next(line for line in text.splitlines() if "Customer churn" in line)
    reading = cards.card(data.read(published).readings["customer_churn_rate", "month"])
    assert line.startswith("◆ Off track")
    for part in (reading.value, reading.target, reading.previous and reading.previous.text, "Oct 26", "▁"):
        assert str(part) in line
    order = [text.index(f"\n{title}\n") for title in ("Vision", "Marketing", "Sales")]
    assert order == sorted(order)
    assert re.search(r"Pipeline velocity +n/a .*\n +n/a: too few deals", printed_scorecard(published, 175, "weekly"))


@pytest.mark.parametrize("width", [72, 80, 100, 132, 200])
def test_the_terminal_cuts_no_number_and_no_name_at_any_width(published: release.Release, width: int) -> None:
    text = printed_scorecard(published, width)
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    assert "…" not in text
    for reading in data.read(published).dashboard("sales", "month"):
        assert reading.kpi.label in text
        assert cards.card(reading).value in text
