"""Klaviyo's answers by lake columns, one by one: links, machines, equal events, names of links; and the pace kept."""

import datetime as dt
import time
from typing import Any

import pytest

from ingestion.sources.klaviyo import api, rows


def _event(id_: str, moment: str, profile: str = "P1", **properties: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "attributes": {"datetime": moment, "event_properties": {"$message": "m1", **properties}},
        "relationships": {"profile": {"data": {"id": profile}}},
    }


def test_links_lose_what_tells_who_follows_them() -> None:
    page = {
        "data": [
            _event("1", "2026-03-01T00:00:00+00:00", URL="https://x.example/a?_kx=abc.D1&utm_campaign=c"),
            _event("2", "2026-03-01T00:00:01+00:00", URL="https://x.example/a?utm_id=P1&_kx=abc"),
            _event("3", "2026-03-01T00:00:02", URL=None),
        ]
    }
    assert [row["url"] for row in rows.day_events("Clicked Email", [page])] == [
        "https://x.example/a?utm_campaign=c", "https://x.example/a?utm_id=(address)", None,
    ]  # fmt: skip


def test_equal_events_are_numbered_and_repeated_ones_counted_once() -> None:
    at = "2026-03-01T23:59:59+00:00"
    pages = [
        {"data": [_event("b", at), _event("a", at), _event("c", at, "P2")]},
        {"data": [_event("a", at), _event("d", "2026-03-02T01:59:59+02:00"), _event("e", "2026-03-02T00:00:00+00:00")]},
    ]
    found = {row["event_id"]: row for row in rows.day_events("Opened Email", pages)}
    assert {id_: row["ordinal"] for id_, row in found.items()} == {"a": 0, "b": 1, "c": 0, "d": 2, "e": 0}
    assert found["d"]["event_day"] == dt.date(2026, 3, 1)
    assert found["e"]["event_day"] == dt.date(2026, 3, 2)


@pytest.mark.parametrize(
    ("properties", "is_machine"),
    [
        ({}, False), ({"machine_open": False}, False), ({"machine_open": True}, True), ({"Bot Click": True}, True),
        ({"Apple Privacy Open": "True"}, True), ({"machine_open": None}, False),
    ],
)  # fmt: skip
def test_machines_by_each_of_their_flags(properties: dict[str, Any], is_machine: bool) -> None:
    page = {"data": [_event("1", "2026-03-01T00:00:00+00:00", **properties)]}
    assert [row["is_machine"] for row in rows.day_events("Opened Email", [page])] == [is_machine]


@pytest.mark.parametrize(
    ("options", "utm"),
    [
        (None, None), ({"add_tracking_params": False}, None), ({"add_tracking_params": True}, None),
        ({"type": "static", "value": "spring"}, "spring"), ({"type": "dynamic", "value": "campaign_name"}, "Spring!"),
        ({"type": "dynamic", "value": "campaign_id"}, "c1"), ({"type": "dynamic", "value": "email_subject"}, "Hello"),
        ({"type": "dynamic", "value": "campaign_name_id"}, "Spring! (c1)"),
        ({"type": "dynamic", "value": "campaign_name_send_day"}, None),
    ],
)  # fmt: skip
def test_the_name_links_carry_by_each_kind_of_option(options: dict[str, Any] | None, utm: str | None) -> None:
    tracking = options
    if options is not None and "type" in options:
        tracking = {
            "add_tracking_params": True,
            "custom_tracking_params": [
                {"type": "static", "name": "utm_source", "value": "x"},
                {**options, "name": "utm_campaign"},
            ],
        }
    message = {"attributes": {"definition": {"content": {"subject": "Hello"}}}}
    row = {
        "id": "c1",
        "attributes": {"name": "Spring!", "tracking_options": tracking},
        "relationships": {"campaign-messages": {"data": [{"id": "m1"}]}},
    }
    assert rows.campaign(row, {"m1": message})["utm_campaign"] == utm


def test_the_pace_follows_what_the_headers_say() -> None:
    pace = api.Pace(1000, 1000)
    pace.learn({"RateLimit-Limit": "150, 2;w=1, 150;w=60", "RateLimit-Remaining": "149", "RateLimit-Reset": "60"})
    began = time.monotonic()
    for _ in range(3):
        pace.wait()
    assert 0.9 < time.monotonic() - began < 2
    pace = api.Pace(1000, 1000)
    pace.learn({"RateLimit-Remaining": "0", "RateLimit-Reset": "1"})
    began = time.monotonic()
    pace.wait()
    assert 0.9 < time.monotonic() - began < 2
