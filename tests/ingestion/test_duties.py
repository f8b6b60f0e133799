"""What is dear is done once in some days, counted by the ends of pulls and kept with the load; no weekday matters."""

import datetime as dt
from dataclasses import replace

import pytest

from ingestion import lake
from ingestion.errors import SourceError
from ingestion.settings import Settings
from sandbox.faults import Fault
from sandbox.server import Running
from tests.fuzz.feeding import context
from tests.ingestion.conftest import END, START
from tests.ingestion.lake_reader import windows

DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
THIRTY = {"ga4": "daily_traffic", "matomo": "visits", "klaviyo": "events"}


def dues(first: dt.date, *days_later: int) -> list[bool]:
    """Whether each of some pulls, one after the other, finds a weekly duty due, and does it if it is."""
    one, found = context("klaviyo"), []
    for each in (0, *days_later):
        pull = replace(one, end=first + each * DAY)
        found.append(pull.is_due("duty"))
        if found[-1]:
            pull.done("duty")
    return found


@pytest.mark.parametrize("weekday", range(7))
def test_a_duty_is_due_after_seven_days_whatever_the_weekday(weekday: int) -> None:
    assert dues(START + weekday * DAY, *range(1, 15)) == [each in (7, 14) for each in range(15)]


def test_days_missed_put_off_nothing() -> None:
    assert dues(START, 6, 9, 15, 16) == [False, False, True, False, True]


def test_a_pull_of_older_days_neither_does_a_duty_nor_puts_it_off() -> None:
    assert dues(START, -300, 7, -100, 13, 14) == [False, False, True, False, False, True]


def test_what_was_done_while_older_days_were_pulled_is_not_older_for_that() -> None:
    one = context("pipedrive")
    assert not replace(one, end=END).is_due("whole")
    replace(one, end=END + 6 * DAY).done("whole")
    replace(one, end=END - 90 * DAY).done("whole")
    assert not replace(one, end=END + WEEK).is_due("whole")


@pytest.mark.parametrize("source", THIRTY)
def test_a_pull_that_failed_leaves_its_duty_to_the_next(source: str, fresh: Settings, company: Running) -> None:
    """Each of the three reads thirty days again once a week, of the first day that was missed; END is a Tuesday."""
    lake.pull(source, END - 8 * DAY, END - WEEK, settings=fresh)
    company.faults.add(Fault(rf"/{source}/", "404", nth=2, times=100))
    with pytest.raises(SourceError):
        lake.pull(source, END - DAY, END, settings=fresh)
    company.faults.plan.clear()
    starts = []
    for _ in range(2):
        lake.pull(source, END - DAY, END, settings=fresh)
        newest = max(windows(fresh, source, THIRTY[source]), key=lambda row: float(row["_dlt_load_id"]))
        starts.append(newest["window_start"])
    assert starts[0] == END - WEEK + DAY - 30 * DAY > START
    assert starts[1] > END - WEEK
