"""Two vendors of one kind at once, as during a migration: nobody and no visit counts twice."""

import datetime as dt
from pathlib import Path

import pytest

from tests.dbt_project.warehouse import Warehouse

FIRST, SECOND, THIRD = (dt.date(2026, 3, day) for day in (1, 2, 3))
AT = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
FIELDS = {"archived": False, "is_test": False, "created_at": AT, "updated_at": AT}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Pipedrive beside HubSpot, Matomo beside GA4; GA4 was pulled for the first two days, Matomo for the last two."""
    sources = ("pipedrive", "hubspot", "ga4", "matomo", "mailchimp", "klaviyo", "spreadsheets")
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("both")), sources)
    whole = [(FIRST, THIRD + dt.timedelta(days=1))]
    hubspot = [
        {"contact_id": "1", "email_hash": "ann", "lead_at": AT - dt.timedelta(days=9), **FIELDS},
        {"contact_id": "2", "email_hash": "bob", **FIELDS},
    ]
    persons = [
        {"person_id": "1", "email_hash": "cid", **FIELDS},
        {"person_id": "7", "email_hash": "ann", "lead_at": AT, **FIELDS},
    ]
    companies = [{"company_id": "1", "domain": "acme.example", **FIELDS}]
    organizations = [{"organization_id": "1", "domain": "ACME.example", **FIELDS}]
    warehouse.load(
        "1.0", "hubspot", {"contacts": hubspot, "companies": companies}, {"contacts": whole, "companies": whole}
    )
    warehouse.load(
        "1.0", "pipedrive", {"persons": persons, "organizations": organizations},
        {"persons": whole, "organizations": whole},
    )  # fmt: skip
    events = [
        {"event_date": day, "event_timestamp": dt.datetime.combine(day, dt.time(12), dt.UTC), "event_name": "page_view",
         "client_id": "g", "session_id": number, "event_ordinal": 0}
        for number, day in enumerate((FIRST, SECOND))
    ]  # fmt: skip
    visits = [
        {"visit_date": day, "visit_id": number, "client_id": "m", "page_views": 1, "duration_seconds": 5,
         "started_at": dt.datetime.combine(day, dt.time(12), dt.UTC)}
        for number, day in enumerate((SECOND, THIRD))
    ]  # fmt: skip
    warehouse.load("1.0", "ga4", {"events": events}, {"events": [(FIRST, THIRD)]})
    warehouse.load("1.0", "matomo", {"visits": visits}, {"visits": [(SECOND, THIRD + dt.timedelta(days=1))]})
    warehouse.dbt("seed")
    warehouse.dbt("run", "--select", "fqn:staging", "fqn:intermediate", "--exclude", "fqn:intermediate.kpi")
    return warehouse


def test_one_address_is_one_person_with_the_dates_of_both(both: Warehouse) -> None:
    assert both.rows("select person_id, cast(lead_at as date) from intermediate.int_persons__unified order by 1") == [
        ("hubspot:2", None), ("pipedrive:1", None), ("pipedrive:7", dt.date(2026, 2, 20)),
    ]  # fmt: skip


def test_one_domain_is_one_company(both: Warehouse) -> None:
    assert both.rows("select company_id from intermediate.int_companies__unified") == [("pipedrive:1",)]


def test_a_day_is_told_by_the_first_tool_that_was_pulled_for_it(both: Warehouse) -> None:
    assert both.rows("select client_id, session_date from intermediate.int_sessions__unified order by all") == [
        ("g", FIRST), ("g", SECOND), ("m", THIRD),
    ]  # fmt: skip


def test_a_day_that_the_first_tool_comes_to_tell_is_told_by_it(both: Warehouse) -> None:
    """Incremental like the rest: what the other tool said of the day goes."""
    late = {"event_date": THIRD, "event_timestamp": dt.datetime.combine(THIRD, dt.time(9), dt.UTC), "client_id": "g",
            "event_name": "page_view", "session_id": 9, "event_ordinal": 0}  # fmt: skip
    both.load("2.0", "ga4", {"events": [late]}, {"events": [(THIRD, THIRD + dt.timedelta(days=1))]})
    both.dbt("run", "--select", "fqn:staging", "fqn:intermediate", "--exclude", "fqn:intermediate.kpi")
    assert both.rows("select client_id, session_date from intermediate.int_sessions__unified order by all") == [
        ("g", FIRST), ("g", SECOND), ("g", THIRD),
    ]  # fmt: skip
