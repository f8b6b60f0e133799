"""Windowed facts: whatever order loads come in, incremental runs end in what one full refresh gives."""

import datetime as dt
import random
from pathlib import Path

import pytest

from tests.dbt_project.warehouse import Warehouse

DAY = dt.date(2026, 3, 1)
FACTS = ("int_ga4__session_parts", "int_mailchimp__email_activity")
SELECT = ("--select", *(f"+{fact}" for fact in FACTS), "--exclude-resource-type", "test", "unit_test")


def _at(day: dt.date, second: int) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(8), tzinfo=dt.UTC) + dt.timedelta(seconds=second)


def _events(draw: random.Random, day: dt.date) -> list[dict[str, object]]:
    """Some events of a day; sessions of one browser may go on over midnight, so ids repeat between days."""
    return [
        {
            "event_date": day, "event_timestamp": _at(day, draw.randrange(3600)), "event_name": "page_view",
            "client_id": f"c{draw.randrange(3)}", "session_id": draw.randrange(3), "event_ordinal": number,
            "source": draw.choice((None, "google", "bing")), "medium": "organic", "engagement_ms": draw.randrange(9000),
        }
        for number in range(draw.randrange(6))
    ]  # fmt: skip


def _activity(draw: random.Random, day: dt.date) -> list[dict[str, object]]:
    return [
        {
            "send_day": day, "campaign_id": "m1", "email_hash": f"h{draw.randrange(4)}", "action": "open",
            "occurred_at": _at(day, draw.randrange(3600)), "is_machine": False, "ordinal": number,
        }
        for number in range(draw.randrange(4))
    ]  # fmt: skip


def _load(warehouse: Warehouse, draw: random.Random, load_id: str, *, committed: bool = True) -> None:
    """One load of each source over a random range of days; some days come back empty."""
    start = DAY + dt.timedelta(days=draw.randrange(6))
    days = [start + dt.timedelta(days=offset) for offset in range(1 + draw.randrange(5))]
    window = [(days[0], days[-1] + dt.timedelta(days=1))]
    events = [row for day in days for row in _events(draw, day)]
    activity = [row for day in days for row in _activity(draw, day)]
    warehouse.load(load_id, "ga4", {"events": events}, {"events": window}, committed=committed)
    rows = {"email_activity": activity}
    warehouse.load(load_id, "mailchimp", rows, {"email_activity": window}, committed=committed)


def _contents(warehouse: Warehouse, fact: str) -> list[tuple[object, ...]]:
    return warehouse.rows(f"from intermediate.{fact} order by all")


@pytest.mark.slow
def test_incremental_equals_full_refresh(tmp_path: Path) -> None:
    draw = random.Random(1)
    warehouse = Warehouse(tmp_path)
    # 950 commits after 1050 was seen: a load that was slow to finish. 1300 never commits.
    for ids in (("1000.5", "900.5"), ("1050.5", "1100.25"), ("950.5",), ("1200.5", "1300.5")):
        for load_id in ids:
            _load(warehouse, draw, load_id, committed=load_id != "1300.5")
        warehouse.dbt("build", *SELECT)
    # At last the first day is pulled again and found empty.
    window = [(DAY, DAY + dt.timedelta(days=1))]
    warehouse.load("1400.5", "ga4", {}, {"events": window})
    warehouse.load("1400.5", "mailchimp", {}, {"email_activity": window})
    warehouse.dbt("build", *SELECT)
    grown = {fact: _contents(warehouse, fact) for fact in FACTS}
    assert all(grown.values())
    assert warehouse.rows(f"from intermediate.int_ga4__session_parts where event_date = '{DAY}'") == []

    warehouse.dbt("build", *SELECT)
    assert grown == {fact: _contents(warehouse, fact) for fact in FACTS}, "a run with nothing new changed rows"
    warehouse.dbt("build", "--full-refresh", *SELECT)
    assert grown == {fact: _contents(warehouse, fact) for fact in FACTS}

    # Another rule, and a table as an older version of its model made it, are no reason for a full refresh.
    with_views = ("--vars", "{key_events: [page_view]}")
    warehouse.execute("alter table intermediate.int_ga4__session_parts add column gone integer")
    warehouse.execute("update intermediate.int_mailchimp__email_activity set made_by = 'other', url = 'other'")
    warehouse.dbt("build", *with_views, *SELECT)
    changed = {fact: _contents(warehouse, fact) for fact in FACTS}
    both = "select bool_and(key_events = page_views) from intermediate.int_ga4__session_parts"
    assert warehouse.rows(both) == [(True,)]
    warehouse.dbt("build", "--full-refresh", *with_views, *SELECT)
    assert changed == {fact: _contents(warehouse, fact) for fact in FACTS}

    # Nor is another reporting time zone, in which it is yesterday at 8:00 UTC.
    warehouse.settings = warehouse.settings.model_copy(update={"timezone": "Pacific/Pago_Pago"})
    warehouse.dbt("build", *with_views, *SELECT)
    changed = {fact: _contents(warehouse, fact) for fact in FACTS}
    is_yesterday = "select bool_and(session_date < event_date) from intermediate.int_ga4__session_parts"
    assert warehouse.rows(is_yesterday) == [(True,)]
    warehouse.dbt("build", "--full-refresh", *with_views, *SELECT)
    assert changed == {fact: _contents(warehouse, fact) for fact in FACTS}
