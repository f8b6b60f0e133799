"""The scorecard of a real, if small, pipeline run: what the marts promise is what the report reads."""

from __future__ import annotations

import pytest

from attribution.model import RULES
from ingestion.settings import Settings
from serving import release
from serving.attribution import data as attribution
from serving.attribution import page, tables
from serving.report import contents, data, html, wording
from tests.serving.test_report import Page, printed_scorecard

pytestmark = pytest.mark.slow


def test_the_published_marts_fill_every_part_of_the_scorecard(at_home: Settings) -> None:
    served = release.current(at_home)
    assert served is not None
    assert release.verify(at_home) == []
    report = data.read(served)

    assert report.cadences[:4] == ("day", "week", "month", "quarter")
    for name in contents.DASHBOARDS:
        meant = [kpi.id for kpi in report.kpis if name in kpi.dashboards]
        assert len(meant) >= 3
        assert [reading.kpi.id for reading in report.dashboard(name, "month")] == meant
    assert len(report.north_stars("month")) == 1
    assert report.bridge is not None
    assert abs(report.bridge.unexplained) < 0.01
    assert [step.name for step in report.funnel] == [name for name, _, _ in data.FUNNEL]
    assert report.attribution is not None
    assert set(report.attribution.models) >= set(RULES)
    totals = [report.attribution.total(model) for model in report.attribution.models]
    assert all(total.conversions == pytest.approx(totals[0].conversions, abs=1e-6) for total in totals)
    assert all(total.value == pytest.approx(totals[0].value, abs=0.005) for total in totals)

    page = Page(html.render(served))
    printed = printed_scorecard(served, 200)
    for reading in report.dashboard("vision", "month"):
        assert reading.kpi.label in page.words
        assert reading.kpi.label in printed
    assert all(link.startswith("#") or link == "attribution.html" for link in page.all("href"))


def test_the_attribution_page_says_what_the_published_marts_say(at_home: Settings) -> None:
    served = release.current(at_home)
    assert served is not None
    story = attribution.read(served)
    assert story is not None
    assert {conversion_type for conversion_type, _ in story.views} == {"customer", "opportunity", "mql", "lead"}
    for view in story.views.values():
        paths = view.journeys
        for model in view.credits.models:
            total = view.credits.total(model)
            assert total.conversions == pytest.approx(paths.conversions, abs=1e-6)
            assert total.value == pytest.approx(paths.value, abs=0.005)
        assert sum(paths.flows.values()) == paths.touched
        assert paths.days is None or sum(paths.days.counts) == paths.touched
        assert all(paths.held(*pair) <= min(paths.held(each, each) for each in pair) for pair in paths.together)

    source = page.render(served)
    assert source is not None
    assert source == (served.path / page.PAGE).read_text(encoding="utf-8"), "publication did not draw it"
    assert "hubspot:" not in source
    assert story.default is not None
    conversion_type, period = story.default
    with served.connect() as db:
        rows = db.execute(
            """select channel, list(conversions order by model = 'linear') from (
                select channel, model, sum(conversions) as conversions from attribution_channels
                where conversion_type = ? and cadence = ? and period_start = ? and model in ('first_touch', 'linear')
                group by all
            ) group by channel having max(conversions) >= 0.05""",
            [conversion_type, period.cadence, period.start],
        ).fetchall()
    cells = {row.name: row.cells for row in tables.models(story.views[story.default], story.currency)[0].rows}
    heads = story.views[story.default].credits.models
    assert rows
    for channel, (first, linear) in rows:
        shown = [cells[wording.title(channel)][heads.index(model)].text for model in ("first_touch", "linear")]
        assert shown == ["0" if not amount else f"{amount:,.1f}" for amount in (first, linear)]
        assert f">{shown[1]}</td>" in source
