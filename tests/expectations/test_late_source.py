"""Gate raw on a source that came later than the others: the days before it read zero, so it says so."""

import datetime as dt
from pathlib import Path

import pytest

from expectations import gate, limits
from expectations.acceptance import accept, open_findings
from expectations.results import ExpectationResult
from ingestion.registry import SOURCES
from tests.expectations.judging import judged, written
from tests.expectations.lake import LAST, TinyLake

EVENTS, NAME = LATE = ("ga4.events", "covered_from_the_start")


def covers(lake: TinyLake, name: str, first: int, end: int) -> None:
    """A load of every table of a source, in days after LAST."""
    window = (LAST + dt.timedelta(days=first), LAST + dt.timedelta(days=end))
    lake.load(name, {}, windows=dict.fromkeys(SOURCES[name].tables, window))


def found(lake: TinyLake, *frozen: str) -> ExpectationResult | None:
    """What it says of GA4's events; None where they are not judged."""
    return judged(lake.settings.model_copy(update={"frozen_sources": frozen}), [LATE]).get(LATE)


def missed(lake: TinyLake, *frozen: str) -> float:
    """Days that are missing before GA4's first."""
    result = found(lake, *frozen)
    return sum(each.size for each in result.findings) if result else 0


def test_it_warns_until_its_days_are_pulled_or_accepted(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "hubspot", "ga4")
    covers(lake, "hubspot", -730, 0)
    covers(lake, "ga4", -3, 0)

    def told() -> str:
        result = found(lake)
        assert result is not None
        assert result.severity == "warning"
        return result.message

    assert (
        "event_date on 2024-03-01: 727 days to 2026-02-25 without ga4, pulled from 2026-02-26 on, while KPIs begin on"
        " 2024-03-01 (kpilote refresh --cadence daily --from 2024-03-01 --to 2026-02-25), usual none"
    ) in told()
    (finding,) = open_findings(lake.settings)
    accept(lake.settings, finding.id, reason="the property was opened this week")
    assert "(accepted)" in told()
    covers(lake, "hubspot", -731, 0)
    assert "(warning)" in told(), "KPIs begin earlier"
    covers(lake, "ga4", -731, -3)
    assert missed(lake) == 0


def test_its_command_leaves_no_hole_elsewhere(tmp_path: Path) -> None:
    """It pulls every source, and each table from its own first day on is there already: the last of them is its end."""
    lake = TinyLake(tmp_path, "hubspot", "ga4", "klaviyo")
    covers(lake, "hubspot", -730, 0)
    covers(lake, "ga4", -3, 0)
    covers(lake, "klaviyo", -1, 0)
    result = found(lake)
    assert result is not None
    assert "727 days to 2026-02-25 without ga4" in result.message
    assert "--from 2024-03-01 --to 2026-02-27)" in result.message
    alone = found(lake, "klaviyo")
    assert alone is not None
    assert "--to 2026-02-25)" in alone.message, "a frozen one is not pulled"


def test_a_crm_never_comes_late(tmp_path: Path) -> None:
    """A first pull reads all of its records, whatever its days."""
    lake = TinyLake(tmp_path, "hubspot", "ga4")
    covers(lake, "ga4", -730, 0)
    covers(lake, "hubspot", -1, 0)
    assert {
        suite.table
        for suite in gate.suites("raw", settings=lake.settings)
        for one in suite.expectations
        if one.name == NAME
    } == {f"ga4.{table.name}" for table in SOURCES["ga4"].window_tables}
    assert missed(lake) == 0


def test_days_of_a_frozen_source_of_its_kind_are_not_missing(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "hubspot", "matomo", "ga4")
    covers(lake, "hubspot", -730, 0)
    covers(lake, "matomo", -730, -40)
    covers(lake, "ga4", -30, 0)
    assert (missed(lake), missed(lake, "hubspot")) == (700, 700)
    assert missed(lake, "matomo") == 10, "nobody was pulled between the two"
    assert found(lake, "ga4") is None, "it is history itself, nothing can be pulled"
    covers(lake, "matomo", -40, -30)
    assert missed(lake, "matomo") == 0


def test_days_the_vendor_does_not_have_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = TinyLake(tmp_path, "hubspot", "ga4")
    covers(lake, "hubspot", -730, 0)
    covers(lake, "ga4", -30, 0)
    for name, since, days in (("known", -35, 5), ("all", -30, 0), ("another", -5, 700)):
        own = {EVENTS: {"history": {"since": LAST + dt.timedelta(days=since)}}}
        (folder := tmp_path / name).mkdir()
        monkeypatch.setattr(limits, "LIMITS", written(folder, tables=own))
        assert missed(lake) == days, f"{name}: what lies within its days is a change, not its beginning"
