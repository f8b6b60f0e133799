"""Klaviyo's events and campaigns: whichever is pulled first, an event counts for its campaign once both are there."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from tests.dbt_project.warehouse import Warehouse

DAY = dt.date(2026, 3, 1)
AT = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
DAYS = [(DAY, DAY + dt.timedelta(days=1))]
SELECT = ("--select", "+int_email_sends__unified", "--exclude-resource-type", "test", "unit_test")


def event(message: str, metric: str, minutes: int, flow: str | None = None) -> dict[str, Any]:
    return {
        "event_day": DAY, "event_id": f"{message}-{metric}", "metric": metric, "email_hash": "ann", "flow_id": flow,
        "message_id": message, "is_machine": False, "ordinal": 0, "occurred_at": AT + dt.timedelta(minutes=minutes),
    }  # fmt: skip


def campaign(id_: str, *messages: str) -> dict[str, Any]:
    return {"campaign_id": id_, "message_ids": messages, "name": id_, "status": "Sent", "send_time": AT,
            "created_at": AT, "updated_at": AT}  # fmt: skip


def state(warehouse: Warehouse) -> list[list[tuple[Any, ...]]]:
    models = ("int_klaviyo__email_activity", "int_email_events__unified", "int_email_sends__unified")
    return [warehouse.rows(f"from intermediate.{model} order by all") for model in models]


@pytest.mark.slow
def test_an_event_counts_once_its_campaign_is_known(tmp_path: Path) -> None:
    """The day is not read again: the campaign came later than what Klaviyo is asked for again."""
    warehouse = Warehouse(tmp_path, ("klaviyo", "spreadsheets"))
    metrics = ("Received Email", "Opened Email", "Clicked Email")
    events = [
        event(message, metric, minutes, flow)
        for message, flow in (("m1", None), ("m2", None), ("m3", None), ("f1", "welcome"))
        for minutes, metric in enumerate(metrics)
    ]
    warehouse.load("1.0", "klaviyo", {"events": events, "campaigns": [campaign("c1", "m1")]},
                   {"events": DAYS, "campaigns": DAYS})  # fmt: skip
    warehouse.dbt("build", *SELECT)
    opened = "select campaign_id, is_opened, is_clicked from intermediate.int_email_sends__unified order by all"
    assert warehouse.rows(opened) == [("klaviyo:c1", True, True)]
    assert warehouse.rows(
        "select count(*) from intermediate.int_klaviyo__message_activity where message_id = 'f1'"
    ) == [(0,)]
    # A campaign nobody knew, and another variation of one that was known.
    for load_id, late in (("2.0", campaign("c2", "m2")), ("3.0", campaign("c1", "m1", "m3"))):
        warehouse.load(load_id, "klaviyo", {"campaigns": [late]}, {"campaigns": DAYS})
        warehouse.dbt("build", *SELECT)
        grown = state(warehouse)
        warehouse.dbt("build", "--full-refresh", *SELECT)
        assert grown == state(warehouse)
    assert warehouse.rows(opened) == [("klaviyo:c1", True, True), ("klaviyo:c2", True, True)]
    assert len(grown[0]) == len(grown[1]) == 6
