"""Which partitions a tick asks for, at fixed moments, in the reporting time zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from ingestion import settings as settings_module
from orchestration.definitions import build_defs
from orchestration.environment import variables
from orchestration.partitions import cadences
from tests.conftest import home_environment

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.Definitions]:
    with variables(home_environment(tmp_path_factory.mktemp("schedules"))):
        settings_module.reload()
        yield build_defs()
    settings_module.settings.cache_clear()


@pytest.mark.parametrize(
    ("cadence", "moment", "partition"),
    [
        ("daily", dt.datetime(2026, 3, 2, 6), "2026-03-01"),
        # The nights on which clocks change have 23 and 25 hours; a day stays a day.
        ("daily", dt.datetime(2026, 3, 30, 6), "2026-03-29"),
        ("daily", dt.datetime(2026, 10, 26, 6), "2026-10-25"),
        ("weekly", dt.datetime(2026, 1, 5, 7), "2025-12-29"),
        ("monthly", dt.datetime(2026, 3, 1, 8), "2026-02-01"),
        ("quarterly", dt.datetime(2026, 1, 1, 9), "2025-10-01"),
    ],
)
def test_a_tick_asks_for_the_period_that_just_ended(
    definitions: dg.Definitions, cadence: str, moment: dt.datetime, partition: str
) -> None:
    schedule = definitions.resolve_schedule_def(f"refresh_{cadence}")
    with dg.DagsterInstance.ephemeral() as instance:
        tick = schedule.evaluate_tick(
            dg.build_schedule_context(
                instance=instance,
                scheduled_execution_time=moment.replace(tzinfo=PARIS),
                repository_def=definitions.get_repository_def(),
            )
        )
    assert [request.partition_key for request in tick.run_requests or []] == [partition]


@pytest.mark.parametrize(
    ("cadence", "cron"),
    [("daily", "0 6 * * *"), ("weekly", "0 7 * * 1"), ("monthly", "0 8 1 * *"), ("quarterly", "0 9 1 1,4,7,10 *")],
)
def test_schedules_run_in_the_reporting_time_zone_from_the_start(
    definitions: dg.Definitions, cadence: str, cron: str
) -> None:
    schedule = definitions.resolve_schedule_def(f"refresh_{cadence}")
    assert (schedule.cron_schedule, schedule.execution_timezone) == (cron, "Europe/Paris")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_periods_begin_with_the_one_that_holds_the_first_day(definitions: dg.Definitions) -> None:
    first = {
        name: each.partitions.get_first_partition_key() for name, each in cadences(settings_module.settings()).items()
    }
    assert first == {"daily": "2025-01-01", "weekly": "2024-12-30", "monthly": "2025-01-01", "quarterly": "2025-01-01"}


def test_a_range_of_days_means_every_period_it_touches(definitions: dg.Definitions) -> None:
    weekly = cadences(settings_module.settings())["weekly"]
    assert weekly.keys(dt.date(2025, 1, 5), dt.date(2025, 1, 6)) == ["2024-12-30", "2025-01-06"]
