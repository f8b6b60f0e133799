"""Two vendors of one kind at once, as during a migration: nobody and no visit counts twice."""

import datetime as dt
from pathlib import Path

import pytest

from ingestion import registry
from ingestion.settings import DEFAULT_SOURCES
from orchestration.assets.dbt import FROM_MARTS
from tests.dbt_project.warehouse import Warehouse

FIRST, SECOND, THIRD = (dt.date(2026, 3, day) for day in (1, 2, 3))
AT = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
FIELDS = {"archived": False, "is_test": False, "created_at": AT, "updated_at": AT}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Pipedrive beside HubSpot, Matomo beside GA4; GA4 was pulled for the first two days, Matomo for the last two."""
    sources = ("pipedrive", "hubspot", "salesforce", "ga4", "matomo", "mailchimp", "klaviyo", "brevo", "spreadsheets")
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
    companies = [{"company_id": "1", "domain": "acme.example", "segment": "Public sector", "employees": 9, **FIELDS}]
    organizations = [{"organization_id": "1", "domain": "ACME.example", "segment": " ", "employees": 9, **FIELDS}]
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
    purchases = [
        {"event_date": day, "event_timestamp": dt.datetime.combine(day, dt.time(12), dt.UTC), "event_name": "purchase",
         "client_id": "g", "transaction_id": f"T{number}", "value": 20, "currency": "EUR", "event_ordinal": 0}
        for number, day in enumerate((FIRST, SECOND))
    ]  # fmt: skip
    orders = [
        {"visit_date": day, "visit_id": number, "client_id": "m", "goal_id": "order", "order_id": f"T{number + 1}",
         "revenue": 20, "ordinal": 0, "converted_at": dt.datetime.combine(day, dt.time(12), dt.UTC)}
        for number, day in enumerate((SECOND, THIRD))
    ]  # fmt: skip
    matomo = {"visits": visits, "goal_conversions": orders, "sites": [{"site_id": "1", "currency": "EUR"}]}
    days = [(SECOND, THIRD + dt.timedelta(days=1))]
    warehouse.load("1.0", "ga4", {"events": events + purchases}, {"events": [(FIRST, THIRD)]})
    warehouse.load("1.0", "matomo", matomo, dict.fromkeys(matomo, days))
    warehouse.dbt("seed")
    warehouse.dbt("run", "--select", "fqn:staging", "fqn:intermediate", "--exclude", *FROM_MARTS.split())
    return warehouse


def test_unit_tests_of_every_vendors_staging_pass(both: Warehouse) -> None:
    """Those of the default sources ran where the empty warehouse was built."""
    others = set(registry.SOURCES) - set(DEFAULT_SOURCES)
    both.dbt("test", "--select", *(f"fqn:staging.{name},test_type:unit" for name in sorted(others)))


def test_one_address_is_one_person_with_the_dates_of_both(both: Warehouse) -> None:
    assert both.rows("select person_id, cast(lead_at as date) from intermediate.int_persons__unified order by 1") == [
        ("hubspot:2", None), ("pipedrive:1", None), ("pipedrive:7", dt.date(2026, 2, 20)),
    ]  # fmt: skip


def test_one_domain_is_one_company_of_the_segment_that_either_names(both: Warehouse) -> None:
    found = both.rows("select company_id, segment from intermediate.int_companies__unified")
    assert found == [("pipedrive:1", "Public sector")]


def test_a_day_is_told_by_the_first_tool_that_was_pulled_for_it(both: Warehouse) -> None:
    assert both.rows("select client_id, session_date from intermediate.int_sessions__unified order by all") == [
        ("g", FIRST), ("g", SECOND), ("m", THIRD),
    ]  # fmt: skip


def test_an_order_is_told_by_the_tool_that_tells_its_day(both: Warehouse) -> None:
    """And is the same whichever that is."""
    assert both.rows("select * exclude (ordered_at) from intermediate.int_orders__unified order by 1") == [
        ("ga4:T0", "g", None, None, "EUR", 20, 20, 0, FIRST), ("ga4:T1", "g", None, None, "EUR", 20, 20, 0, SECOND),
        ("matomo:T2", "m", None, None, "EUR", 20, 20, 0, THIRD),
    ]  # fmt: skip


def test_a_day_that_the_first_tool_comes_to_tell_is_told_by_it(both: Warehouse) -> None:
    """Incremental like the rest: what the other tool said of the day goes. A refund told then is of an older order."""
    late = {"event_date": THIRD, "event_timestamp": dt.datetime.combine(THIRD, dt.time(9), dt.UTC), "client_id": "g",
            "event_name": "page_view", "session_id": 9, "event_ordinal": 0}  # fmt: skip
    refund = {**late, "event_name": "refund", "transaction_id": "T0", "value": 5}
    both.load("2.0", "ga4", {"events": [late, refund]}, {"events": [(THIRD, THIRD + dt.timedelta(days=1))]})
    both.dbt("run", "--select", "fqn:staging", "fqn:intermediate", "--exclude", *FROM_MARTS.split())
    assert both.rows("select client_id, session_date from intermediate.int_sessions__unified order by all") == [
        ("g", FIRST), ("g", SECOND), ("g", THIRD),
    ]  # fmt: skip
    assert both.rows("select order_id, refunded_reporting from intermediate.int_orders__unified order by 1") == [
        ("ga4:T0", 5), ("ga4:T1", 0),
    ]  # fmt: skip


def test_a_copied_deal_is_one_deal_and_told_by_one_crm_at_a_time(both: Warehouse) -> None:
    """Copied on the second day, as old as its original; the stage it was in lasts until the copy tells of another."""
    opened, copied, won = (dt.datetime.combine(day, dt.time(9), dt.UTC) for day in (FIRST, SECOND, THIRD))
    days = [(FIRST, THIRD + dt.timedelta(days=1))]
    deal = {"currency": "EUR", "amount": 100, "archived": False}
    told = {"object_type": "deal", "object_id": "1", "property": "dealstage"}
    original = {**deal, "pipeline": "p", "created_at": opened, "updated_at": won}
    stage = {"pipeline_id": "p", "is_won": False}
    hubspot = {
        "deals": [{**original, "deal_id": "1", "stage": "lost"}, {**original, "deal_id": "2", "stage": "new"}],
        "pipeline_stages": [
            {**stage, "stage_id": "new", "label": "New", "is_closed": False},
            {**stage, "stage_id": "lost", "label": "Lost", "is_closed": True},
        ],
        "property_history": [
            {**told, "value": "new", "changed_at": opened},
            {**told, "value": "lost", "changed_at": won},
        ],
    }
    both.load("3.0", "hubspot", hubspot, dict.fromkeys(hubspot, days))
    both.load(
        "3.0", "pipedrive",
        {
            "deals": [{**deal, "deal_id": "9", "imported_id": "1", "pipeline_id": "1", "stage_id": "77",
                       "status": "won", "created_at": copied, "updated_at": won, "won_at": won}],
            "pipelines": [{"pipeline_id": "1", "label": "Sales", "archived": False}],
            "stages": [{"stage_id": "77", "pipeline_id": "1", "label": "New", "archived": False}],
        },
        dict.fromkeys(("deals", "pipelines", "stages", "deal_changes"), days),
    )  # fmt: skip
    select = ("run", "--select", "fqn:staging", "fqn:intermediate", "--exclude", *FROM_MARTS.split())
    # The original is marked as lost when its copy is won: that nobody says when HubSpot became history changes nothing.
    for said in ((), ("--vars", f"{{crm_until: {{hubspot: '{SECOND}'}}}}")):
        both.dbt(*select, *said)
        assert both.rows("select deal_id, status, created_date from intermediate.int_deals__unified order by 1") == [
            ("hubspot:2", "open", FIRST), ("pipedrive:9", "won", FIRST),
        ]  # fmt: skip
        assert both.rows(
            "select stage_status, cast(entered_at as date) from intermediate.int_deals__stages"
            " where deal_id = 'pipedrive:9' order by entered_at"
        ) == [("open", FIRST), ("won", THIRD)]
