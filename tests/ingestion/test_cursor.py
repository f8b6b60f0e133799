"""Where a record table goes on: from its newest change, or anew where the settings its rows are made by changed."""

import datetime as dt
from typing import Any

from ingestion.cursor import Cursor

TEN_MINUTES = dt.timedelta(minutes=10)
NAMED = {"mql_date_field": "MQL_Date__c"}


def saved(made_by: dict[str, str] | None = None) -> dict[str, Any]:
    """A load's state after one record was read."""
    state: dict[str, Any] = {}
    cursor = Cursor(state, "leads", TEN_MINUTES, made_by=made_by)
    assert cursor.is_first
    assert cursor.is_new("1", "2026-08-01T12:00:00Z")
    cursor.save()
    return state


def test_a_record_of_the_overlap_is_new_once() -> None:
    cursor = Cursor(saved(), "leads", TEN_MINUTES)
    assert not cursor.is_first
    assert cursor.since == dt.datetime(2026, 8, 1, 11, 50, tzinfo=dt.UTC)
    assert not cursor.is_new("1", "2026-08-01T12:00:00Z")
    assert cursor.is_new("1", "2026-08-01T12:00:01Z")
    assert not cursor.is_new("2", "2026-08-01T11:49:59Z")


def test_a_setting_named_changed_or_taken_away_begins_anew() -> None:
    for before, now in (({}, NAMED), (NAMED, {"mql_date_field": "Qualified__c"}), (NAMED, {})):
        state = saved(before)
        cursor = Cursor(state, "leads", TEN_MINUTES, made_by=now)
        assert (cursor.since, cursor.is_first) == (None, False)
        assert cursor.is_new("1", "2026-08-01T12:00:00Z"), "in this version, but not made by these settings"
        cursor.save()
        again = Cursor(state, "leads", TEN_MINUTES, made_by=now)
        assert again.since is not None
        assert not again.is_new("1", "2026-08-01T12:00:00Z")


def test_a_load_that_failed_leaves_it_to_the_next_to_begin_anew() -> None:
    state = saved()
    assert Cursor(state, "leads", TEN_MINUTES, made_by=NAMED).since is None
    assert Cursor(state, "leads", TEN_MINUTES, made_by=NAMED).since is None


def test_a_cursor_without_a_memory_of_settings_was_made_by_the_defaults() -> None:
    """As loads before this memory left it: nothing is read again for want of it, but what may be stale."""
    state = saved()
    del state["leads"]["made_by"]
    assert Cursor(state, "leads", TEN_MINUTES).since is not None
    assert Cursor(state, "leads", TEN_MINUTES, made_by=NAMED).since is None
