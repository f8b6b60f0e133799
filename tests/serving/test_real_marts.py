"""The scorecard of a real, if small, pipeline run: what the marts promise is what the report reads."""

from __future__ import annotations

import pytest

from attribution.model import RULES
from ingestion.settings import Settings
from serving import release
from serving.report import contents, data, html
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
