"""Salesforce's own traps: pages and Bulk jobs that must agree, sessions that end, quotas, fields nobody may see, leads
that become contacts, records purged without a trace.
"""

import datetime as dt
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ingestion import lake
from ingestion.errors import SettingsError, SourceError
from ingestion.registry import SOURCES, table
from ingestion.settings import Settings, reload
from ingestion.sources import salesforce
from ingestion.sources.salesforce.objects import object_types
from ingestion.sources.salesforce.settings import SalesforceSettings
from sandbox.apis.salesforce_values import id_of
from sandbox.apis.visitors import visitor_id
from sandbox.changes import Change
from sandbox.faults import Fault
from sandbox.limits import FAST
from sandbox.server import Credentials, Running
from sandbox.world import World
from tests.ingestion.conftest import END, START
from tests.ingestion.lake_reader import committed, latest, rows
from tests.signing import key_pair

Truth = dict[str, list[tuple[object, ...]]]
Row = dict[str, Any]
DAY = dt.timedelta(days=1)
LIFECYCLE = ("lead_at", "mql_at", "sql_at", "opportunity_at", "customer_at")


def records(settings: Settings, name: str) -> list[Row]:
    """The rows of a table as staging sees them."""
    declared = table(f"salesforce.{name}")
    names = [column.name for column in declared.columns]
    return [dict(zip(names, row, strict=True)) for row in latest(settings, declared)]


def assert_whole(settings: Settings, truth: Truth) -> None:
    for declared in SOURCES["salesforce"].tables.values():
        assert latest(settings, declared) == truth[declared.full_name], declared.full_name


def moment(value: Any) -> dt.datetime | None:
    """An instant of the snapshot as Salesforce keeps it here, to the millisecond."""
    return None if pd.isna(value) else value.floor("ms").to_pydatetime()


def test_every_contact_is_there_as_lead_or_contact_with_what_it_says(pulled: Settings, world: World) -> None:
    company = world.snapshot(END)
    leads = {row["lead_id"]: row for row in records(pulled, "leads")}
    contacts = {row["contact_id"]: row for row in records(pulled, "contacts")}
    kinds = set()
    for person in company.contacts.to_dict("records"):
        lead, contact = leads.get(id_of("00Q", person["contact_id"])), contacts.get(id_of("003", person["contact_id"]))
        kinds.add((lead is not None, contact is not None))
        row = contact or lead
        assert row is not None
        # Nothing of a deleted record changes any more.
        end = person["updated_at"] if row["archived"] else pd.Timestamp(END, tz="UTC")
        dates = {name: person[name] for name in LIFECYCLE if not person[name] >= end}
        assert {name: row[name] for name in LIFECYCLE} == {name: moment(dates.get(name)) for name in LIFECYCLE}
        client = person["ga_client_id"]
        assert row["client_id"] == (None if pd.isna(client) else visitor_id(client))
        assert (row["country"], row["is_test"]) == (person["country"], person["is_test"])
        if len(dates) == len(LIFECYCLE):
            assert row["lifecycle_stage"] == person["lifecycle_stage"]
        assert row["owner_id"] == id_of("005", None if pd.isna(person["owner_id"]) else person["owner_id"])
        if lead is not None:
            assert lead["created_at"] == moment(person["created_at"])
            assert lead["is_converted"] or contact is None
        else:
            assert contact is not None
            assert contact["created_at"] == moment(person["created_at"])
    assert kinds == {(True, False), (True, True), (False, True)}
    assert len({*leads, *contacts}) == len(leads) + len(contacts)


def test_people_in_sales_are_contacts_and_nobody_else_who_was_never_qualified(pulled: Settings, world: World) -> None:
    company = world.snapshot(END).contacts
    contacts = {row["contact_id"] for row in records(pulled, "contacts")}
    first = company[["sql_at", "opportunity_at"]].min(axis=1)
    qualified = company[first < company["archived_at"].fillna(pd.Timestamp(END, tz="UTC"))]
    assert {id_of("003", each) for each in qualified["contact_id"]} <= contacts
    others = company.drop(qualified.index)
    customers = set(others.loc[others["lifecycle_stage"] == "customer", "contact_id"])
    assert contacts == {id_of("003", each) for each in {*qualified["contact_id"], *customers}}


def test_merged_people_name_their_survivor(pulled: Settings, world: World) -> None:
    merged = world.snapshot(END).contacts.dropna(subset=["merged_into"])
    found = {row["lead_id"]: row for row in records(pulled, "leads")}
    found |= {row["contact_id"]: row for row in records(pulled, "contacts")}
    assert len(merged)
    for loser, survivor in zip(merged["contact_id"], merged["merged_into"], strict=True):
        contact = found.get(id_of("003", loser))
        if contact is not None:
            assert (contact["archived"], contact["merged_into"]) == (True, id_of("003", survivor))
            continue
        lead = found[id_of("00Q", loser)]
        into_lead = lead["archived"] and lead["merged_into"] == id_of("00Q", survivor)
        assert into_lead or lead["converted_contact_id"] == id_of("003", survivor)


def test_deals_and_their_history_are_the_companys(pulled: Settings, world: World) -> None:
    company = world.snapshot(END)
    labels = dict(zip(company.pipelines["stage_id"], company.pipelines["label"], strict=True))
    deals = {row["opportunity_id"]: row for row in records(pulled, "opportunities")}
    assert len(deals) == len(company.deals)
    for deal in company.deals.to_dict("records"):
        row = deals[id_of("006", deal["deal_id"])]
        assert (row["stage"], row["currency"]) == (labels[deal["stage"]], deal["currency"])
        assert float(row["amount"]) == pytest.approx(deal["amount"])
        assert (row["archived"], row["created_at"]) == (pd.notna(deal["archived_at"]), moment(deal["created_at"]))
        assert row["account_id"] == id_of("001", deal["company_id"])
    told = company.property_history
    told = told[told["object_type"] == "deal"]
    history = records(pulled, "opportunity_history")
    assert len(history) == len(told.drop_duplicates(["object_id", "changed_at"]))
    at = {(row["opportunity_id"], row["created_at"]): row for row in history}
    for change in told.to_dict("records"):
        row = at[id_of("006", change["object_id"]), moment(change["changed_at"])]
        expected = labels[change["value"]] if change["property"] == "dealstage" else change["value"]
        assert str(row["stage" if change["property"] == "dealstage" else "amount"]) == expected


def test_activities_are_the_companys(pulled: Settings, world: World) -> None:
    company = world.snapshot(END)
    told = records(pulled, "events")
    assert sum(row["is_child"] for row in told) > 0 < sum(row["is_pattern"] for row in told)
    events = {row["event_id"]: row for row in told if not (row["is_child"] or row["is_pattern"])}
    assert len(events) == len(company.meetings)
    for meeting in company.meetings.to_dict("records"):
        row = events[id_of("00U", meeting["meeting_id"])]
        assert row["start_at"] == moment(meeting["start_at"])
        assert row["kind"].lower() == meeting["kind"]
        assert row["outcome"].upper().replace(" ", "_") == meeting["outcome"]
        assert row["archived"] == pd.notna(meeting["archived_at"])
        who = id_of("00Q" if row["who_id"].startswith("00Q") else "003", meeting["contact_id"])
        assert row["who_id"] == who
        if row["who_id"].startswith("003") and pd.notna(meeting["deal_id"]):
            assert row["what_id"] == id_of("006", meeting["deal_id"])
    noted = records(pulled, "tasks")
    tasks = [row for row in noted if not row["is_pattern"]]
    assert len(noted) > len(tasks)
    assert sum(row["kind"] == "call" for row in tasks) == len(company.calls)
    assert sum(row["kind"] == "email" for row in tasks) == len(company.crm_emails)
    starts = sorted(row["start_at"] for row in tasks if row["kind"] == "call")
    assert starts == sorted(map(moment, company.calls["start_at"]))
    inbound = sum(row["direction"] == "Inbound" for row in tasks if row["kind"] == "email")
    assert inbound == (company.crm_emails["direction"] == "INCOMING_EMAIL").sum() > 0


def test_pages_of_a_query_are_one_answer(
    fresh: Settings, company: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SALESFORCE__PAGE_SIZE", "200")
    before = len(company.requests)
    lake.pull("salesforce", START, END, settings=reload())
    assert [each for each in company.requests[before:] if re.search(r"/query/01g\w+-200$", each.path)]
    assert_whole(fresh, truth)


@pytest.mark.parametrize("kind", ["page_repeated", "empty_page", "malformed", "cut", "500"])
def test_a_later_page_that_lies_is_asked_for_again(
    kind: Any, fresh: Settings, company: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SALESFORCE__PAGE_SIZE", "200")
    fault = Fault(r"/query(All|/01g\w+-200)$" if kind == "page_repeated" else r"/query/01g", kind, nth=1)
    company.faults.add(fault)
    lake.pull("salesforce", START, END, settings=reload())
    assert fault.fired == 1
    assert_whole(fresh, truth)


def bulk(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Everything by Bulk jobs, in small pages."""
    for name, value in (("BULK_ROWS", "20"), ("BULK_PAGE_SIZE", "15"), ("POLL_SECONDS", "0.01")):
        monkeypatch.setenv(f"SOURCES__SALESFORCE__{name}", value)
    return reload()


def test_a_bulk_job_brings_what_a_query_does_and_a_query_goes_on_from_it(
    fresh: Settings, company: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = bulk(monkeypatch)
    before = len(company.requests)
    lake.pull("salesforce", START, END, settings=settings)
    jobs = [each.json for each in company.requests[before:] if each.path.endswith("/jobs/query")]
    assert {"Lead", "Task"} <= {re.search(r"FROM (\w+)", job["query"])[1] for job in jobs}  # type: ignore[index]
    assert {job["operation"] for job in jobs} == {"queryAll"}
    assert not any("ORDER BY" in job["query"] for job in jobs)
    assert_whole(settings, truth)
    for name in ("BULK_ROWS", "BULK_PAGE_SIZE"):
        monkeypatch.delenv(f"SOURCES__SALESFORCE__{name}")
    assert lake.pull("salesforce", START, END, settings=reload()).rows == {}


@pytest.mark.parametrize("kind", ["page_repeated", "malformed", "cut", "500"])
def test_results_of_a_job_that_lie_are_asked_for_again(
    kind: Any, fresh: Settings, company: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault("/results$", kind, nth=4)
    company.faults.add(fault)
    lake.pull("salesforce", START, END, settings=bulk(monkeypatch))
    assert fault.fired == 1
    assert_whole(fresh, truth)


def test_an_expired_session_is_renewed_once(fresh: Settings, company: Running, truth: Truth) -> None:
    company.faults.add(Fault("/queryAll$", "401", nth=5))
    before = len(company.requests)
    lake.pull("salesforce", START, END, settings=fresh)
    assert [each.path for each in company.requests[before:]].count("/salesforce/services/oauth2/token") == 2
    assert_whole(fresh, truth)


def test_a_session_refused_again_and_again_is_one_line(fresh: Settings, company: Running) -> None:
    company.faults.add(Fault("/queryAll$", "401", times=1000))
    with pytest.raises(SourceError, match=r"session was refused \(401 INVALID_SESSION_ID\): .*CLIENT_ID"):
        lake.pull("salesforce", START, END, settings=fresh)
    assert committed(fresh, "salesforce") == []


def test_the_session_is_opened_when_it_is_used(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SALESFORCE__CLIENT_SECRET", "not the secret")
    with pytest.raises(SourceError, match=r"invalid_client.*CLIENT_SECRET") as caught:
        lake.pull("salesforce", START, END, settings=reload())
    assert "not the secret" not in str(caught.value)
    monkeypatch.delenv("SOURCES__SALESFORCE__CLIENT_SECRET")
    with pytest.raises(SettingsError, match="CLIENT_SECRET is not set"):
        lake.pull("salesforce", START, END, settings=reload())


def test_an_app_may_sign_instead_of_knowing_a_secret(
    own: Any, truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = key_pair()
    (tmp_path / "key.pem").write_text(private)
    own(credentials=Credentials(salesforce_certificate=public))
    monkeypatch.delenv("SOURCES__SALESFORCE__CLIENT_SECRET")
    monkeypatch.setenv("SOURCES__SALESFORCE__USERNAME", "somebody@else.example")
    monkeypatch.setenv("SOURCES__SALESFORCE__PRIVATE_KEY", str(tmp_path / "key.pem"))
    with pytest.raises(SourceError, match=r"invalid_grant.*USERNAME"):
        salesforce.check()
    monkeypatch.setenv("SOURCES__SALESFORCE__USERNAME", Credentials().salesforce_username)
    monkeypatch.setenv("SOURCES__SALESFORCE__PRIVATE_KEY", private)
    settings = reload()
    lake.pull("salesforce", START, END, settings=settings)
    assert_whole(settings, truth)
    monkeypatch.setenv("SOURCES__SALESFORCE__PRIVATE_KEY", "/nowhere")
    with pytest.raises(SettingsError, match="PRIVATE_KEY is neither"):
        salesforce.check()


def test_a_pull_stops_before_the_orgs_calls_run_out_and_loses_nothing(
    own: Any, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    company, settings = own(limits=replace(FAST, salesforce_calls_per_day=80))
    monkeypatch.setenv("SOURCES__SALESFORCE__QUOTA_SHARE", "0.4")
    with pytest.raises(SourceError, match=r"3\d of the org's 80 calls .* SOURCES__SALESFORCE__QUOTA_SHARE \(0.4\)"):
        lake.pull("salesforce", START, END, settings=settings)
    assert company.sandbox.counters.salesforce_day.remaining() > 40
    assert committed(settings, "salesforce") == []
    monkeypatch.setenv("SOURCES__SALESFORCE__QUOTA_SHARE", "1")
    with pytest.raises(SourceError, match=r"calls of 24 hours are used"):
        lake.pull("salesforce", START, END, settings=settings)
    company.sandbox.counters.salesforce_day.allowed = 1000
    lake.pull("salesforce", START, END, settings=settings)
    assert_whole(settings, truth)


def test_a_call_beyond_the_quota_says_so(own: Any) -> None:
    """Other applications may use up what this one left."""
    company, settings = own(limits=replace(FAST, salesforce_calls_per_day=0))
    with pytest.raises(SourceError, match=r"used up \(403 REQUEST_LIMIT_EXCEEDED\)"):
        lake.pull("salesforce", START, END, settings=settings)
    assert len([each for each in company.requests if "/services/data/" in each.path]) == 1


@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        ("Lead", r"Lead is not to be seen: .*Read on it \(object permissions\)"),
        ("Opportunity.Amount", r"Opportunity has no field Amount to be seen: .*field-level security\)$"),
        ("Contact.MQL_Date__c", r"no field MQL_Date__c .* or set SOURCES__SALESFORCE__MQL_DATE_FIELD to another"),
    ],
)
def test_what_the_user_may_not_see_is_named(hidden: str, said: str, own: Any) -> None:
    _, settings = own(credentials=Credentials(salesforce_hidden=frozenset({hidden})))
    for refused in (lambda: lake.pull("salesforce", START, END, settings=settings), salesforce.check):
        with pytest.raises(SourceError, match=said):
            refused()
    assert committed(settings, "salesforce") == []


def test_a_field_hidden_while_a_pull_runs_is_named_too(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    company, settings = own()
    from ingestion.sources.salesforce.api import Salesforce

    schemas = Salesforce.schemas

    def then_hide(self: Salesforce, types: Any) -> Any:
        found = schemas(self, types)
        company.sandbox.credentials = Credentials(salesforce_hidden=frozenset({"Event", "Lead.MQL_Date__c"}))
        return found

    monkeypatch.setattr(Salesforce, "schemas", then_hide)
    with pytest.raises(SourceError, match=r"(Lead has no field MQL_Date__c|Event is not) to be seen|Event is not"):
        lake.pull("salesforce", START, END, settings=settings)


def test_an_org_of_one_currency_and_without_own_fields(own: Any, truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = ("Lead", "Contact", "Account", "Opportunity", "OpportunityHistory", "Campaign", "Contract")
    hidden = frozenset({f"{name}.CurrencyIsoCode" for name in objects} | {"Event.Type"})
    _, settings = own(credentials=Credentials(salesforce_hidden=hidden))
    for name in [name for name in os.environ if name.startswith("SOURCES__SALESFORCE__") and name.endswith("_FIELD")]:
        monkeypatch.setenv(name, "")
    lake.pull("salesforce", START, END, settings=settings)
    own = {
        "leads": ("lifecycle_stage", "lead_at", "mql_at", "client_id", "user_key_hash", "is_test"),
        "opportunities": ("currency", "lost_reason", "recurring_amount", "partner"),
        "events": ("kind", "outcome"),
        "contracts": ("currency", "recurring_amount"),
    }
    for name, columns in own.items():
        found = records(settings, name)
        assert len(found) == len(truth[f"salesforce.{name}"])
        assert {row[column] for row in found for column in columns} == {None}
    monkeypatch.setenv("SOURCES__SALESFORCE__CURRENCY", "CHF")
    monkeypatch.setenv("SOURCES__SALESFORCE__PARTNER_FIELD", "Name")
    monkeypatch.setenv("KPILOTE_HOME", str(settings.home / "other"))
    settings = reload()
    lake.pull("salesforce", START, END, settings=settings)
    assert {row["currency"] for row in records(settings, "contracts")} == {"CHF"}
    assert all(row["partner"] == row["name"] for row in records(settings, "opportunities"))


@pytest.mark.parametrize("bulk_rows", ["20", "10000"])
def test_a_field_named_later_fills_the_records_there_were(
    bulk_rows: str, fresh: Settings, later: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the objects it concerns are read again, by a job where they are many, and what is gone meanwhile is gone."""
    named = os.environ["SOURCES__SALESFORCE__MQL_DATE_FIELD"]
    monkeypatch.setenv("SOURCES__SALESFORCE__MQL_DATE_FIELD", "")
    lake.pull("salesforce", START, END, settings=reload())
    before = {name: records(fresh, name) for name in ("leads", "contacts")}
    assert {row["mql_at"] for name in before for row in before[name]} == {None}
    monkeypatch.setenv("SOURCES__SALESFORCE__MQL_DATE_FIELD", named)
    monkeypatch.setenv("SOURCES__SALESFORCE__BULK_ROWS", bulk_rows)
    monkeypatch.setenv("SOURCES__SALESFORCE__POLL_SECONDS", "0.01")
    later.sandbox.changes = (Change("contact_deleted", END - DAY, 5),)
    asked = len(later.requests)
    pulled = lake.pull("salesforce", START, END, settings=reload())
    jobs = [each.json["query"] for each in later.requests[asked:] if each.path.endswith("/jobs/query")]
    assert {re.search(r"FROM (\w+)", job)[1] for job in jobs} == (  # type: ignore[index]
        {"Lead", "Contact"} if bulk_rows == "20" else set()
    )
    assert set(pulled.rows) == {"leads", "contacts"}
    for name, key in (("leads", "lead_id"), ("contacts", "contact_id")):
        found = {row[key]: row for row in records(fresh, name)}
        gone = {row[key] for row in before[name] if not row["archived"] and found[row[key]]["archived"]}
        assert len(gone) == 1
        columns = [column.name for column in table(f"salesforce.{name}").columns if column.name != "_dlt_load_id"]
        told = (dict(zip(columns, row, strict=True)) for row in truth[f"salesforce.{name}"])
        assert {id_: row for id_, row in found.items() if id_ not in gone} == {
            row[key]: row for row in told if row[key] not in gone
        }
    assert lake.pull("salesforce", START, END, settings=reload()).rows == {}


def test_two_settings_that_name_one_field_are_told_apart() -> None:
    """A change of either makes the lake's rows stale, and so does another currency of an org of one."""
    settings = SalesforceSettings(base_url="https://acme.my.salesforce.com", client_id="app", sql_date_field="Date__c")

    def made_by(name: str, **changed: str) -> dict[str, str]:
        types = {kind.table: kind for kind in object_types(settings.model_copy(update=changed))}
        return types[name].made_by

    assert made_by("leads") == {"sql_at": "Date__c"}
    assert made_by("leads", mql_date_field="Date__c") == {"mql_at": "Date__c", "sql_at": "Date__c"}
    assert made_by("opportunities") == made_by("opportunity_history", currency="CHF") == {}
    assert made_by("opportunities", currency="CHF") == {"currency": "CHF"}
    assert made_by("tasks", direction_field="Direction__c") == {"direction": "CallType,Direction__c"}


def test_meetings_without_a_field_of_their_own_are_of_their_type(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SALESFORCE__MEETING_KIND_FIELD", "")
    lake.pull("salesforce", START, END, settings=reload())
    assert {row["kind"] for row in records(fresh, "events")} == {"Meeting"}


def test_updates_deletions_and_merges_arrive_as_changes(later: Running, fresh: Settings) -> None:
    later.advance(END - DAY)
    lake.pull("salesforce", START, END - DAY, settings=fresh)
    kinds = ("deal_amount", "deal_won", "deal_archived", "contacts_merged", "companies_merged", "meeting_archived")
    later.sandbox.changes = tuple(Change(kind, END - DAY, number) for number, kind in enumerate(kinds))
    later.advance(END)
    asked = len(later.requests)
    pulled = lake.pull("salesforce", END - DAY, END, settings=fresh)
    assert pulled.rows["opportunities"] >= 3
    assert pulled.rows["opportunity_history"] >= 2
    shown = later.sandbox.view.snapshot
    found = {row["opportunity_id"]: row for row in records(fresh, "opportunities")}
    for deal in shown.deals.to_dict("records"):
        row = found[id_of("006", deal["deal_id"])]
        assert float(row["amount"]) == pytest.approx(deal["amount"])
        assert row["archived"] == pd.notna(deal["archived_at"])
    merged = shown.companies.dropna(subset=["merged_into"])
    accounts = {row["account_id"]: row for row in records(fresh, "accounts")}
    for loser, survivor in zip(merged["company_id"], merged["merged_into"], strict=True):
        assert accounts[id_of("001", loser)]["merged_into"] == id_of("001", survivor)
    told = [row for row in records(fresh, "events") if not (row["is_child"] or row["is_pattern"])]
    gone = {row["event_id"] for row in told if row["archived"]}
    archived = shown.meetings.dropna(subset=["archived_at"])
    assert gone == {id_of("00U", each) for each in archived["meeting_id"]}
    assert not [each for each in later.requests[asked:] if "IsDeleted+%3D+false+ORDER" in each.query]
    assert lake.pull("salesforce", END - DAY, END, settings=fresh).rows == {}


def test_a_lead_converted_since_says_so(fresh: Settings, company: Running) -> None:
    try:
        company.advance(END - 20 * DAY)
        lake.pull("salesforce", START, END - 20 * DAY, settings=fresh)
        before = {row["lead_id"] for row in records(fresh, "leads") if not row["is_converted"]}
        company.advance(END)
        lake.pull("salesforce", END - 20 * DAY, END, settings=fresh)
    finally:
        company.advance(END)
    contacts = {row["contact_id"]: row for row in records(fresh, "contacts")}
    turned = [row for row in records(fresh, "leads") if row["lead_id"] in before and row["is_converted"]]
    assert turned
    for lead in turned:
        contact = contacts[lead["converted_contact_id"]]
        assert contact["email_hash"] == lead["email_hash"]
        assert contact["created_at"] > lead["created_at"]


def test_records_purged_from_the_recycle_bin_get_a_tombstone_once(fresh: Settings, later: Running) -> None:
    lake.pull("salesforce", START, END, settings=fresh)
    names = ("leads", "contacts", "opportunities", "accounts")
    standing = {name: sum(not row["archived"] for row in records(fresh, name)) for name in names}
    later.sandbox.changes = (Change("deal_deleted", END - DAY, 3), Change("contact_deleted", END - DAY, 5))
    lake.pull("salesforce", START, END, settings=fresh)
    left = {name: sum(not row["archived"] for row in records(fresh, name)) for name in names}
    assert standing["opportunities"] - left["opportunities"] == 1
    assert standing["leads"] - left["leads"] == 1
    assert standing["accounts"] == left["accounts"]
    again = lake.pull("salesforce", START, END, settings=fresh)
    assert not {"leads", "opportunities"} & set(again.rows)


def test_what_changed_at_the_very_moment_of_the_cursor_is_read(
    fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two deals changed at one moment, of which the first pull saw one."""
    monkeypatch.setenv("SOURCES__SALESFORCE__LOOKBACK_MINUTES", "0")
    org = company.sandbox.view.org
    deals = org.records("Opportunity")
    newest = max(deals.column("SystemModstamp"))
    kept = {name: list(values) for name, values in deals._columns.items()}
    try:
        row = deals.column("SystemModstamp").index(min(deals.column("SystemModstamp")))
        lake.pull("salesforce", START, END, settings=reload())
        deals._columns["SystemModstamp"][row] = newest
        deals._columns["Name"][row] = "Changed in the same second"
        result = lake.pull("salesforce", START, END, settings=reload())
    finally:
        deals._columns.update(kept)
    assert result.rows == {"opportunities": 1}
    assert "Changed in the same second" in {row["name"] for row in records(fresh, "opportunities")}


def test_names_phones_and_compound_fields_are_never_asked_for(
    fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(company.requests)
    lake.pull("salesforce", START, END, settings=fresh)
    asked = [f"{each.query} {each.body.decode()}".replace("%2C", ",") for each in company.requests[before:]]
    people = [text for text in asked if re.search(r"FROM\+(Lead|Contact)\+", text)]
    assert people
    for text in people:
        assert not re.search(r"[,+](Name|FirstName|LastName|Phone|\w*Address)[,+]", text)
    assert not [text for text in asked if re.search(r"Subject|Description", text)]


def test_addresses_are_hashed_and_domains_of_websites_kept(pulled: Settings, world: World) -> None:
    company = world.snapshot(END)
    for name in ("leads", "contacts"):
        for row in rows(pulled, table(f"salesforce.{name}")):
            assert re.fullmatch("[0-9a-f]{64}", row["email_hash"])
            assert "@" not in "".join(str(value) for value in row.values())
    domains = {row["domain"] for row in records(pulled, "accounts")} - {None}
    assert domains == set(company.companies["domain"].dropna())
    hubspot = {row["email_hash"] for row in rows(pulled, table("hubspot.contacts"))}
    assert {row["email_hash"] for row in records(pulled, "contacts")} & hubspot


def test_a_formula_is_named_by_the_doctor_and_by_nobody_else(
    fresh: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SALESFORCE__PARTNER_FIELD", "Account_Country__c")
    settings = reload()
    said = salesforce.check()
    assert "Opportunity.Account_Country__c (SOURCES__SALESFORCE__PARTNER_FIELD): formulas" in said
    assert "map a stored field" in said
    assert "__c" not in said.replace("Account_Country__c", ""), "no field that is stored"
    lake.pull("salesforce", START, END, settings=settings)
    partners = {row["partner"] for row in records(fresh, "opportunities")} - {None}
    assert partners
    assert partners <= set(world.snapshot(END).companies["country"])


def test_the_doctor_finds_that_bulk_jobs_are_refused_where_a_pull_would_need_them(
    fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.faults.add(Fault("/jobs/query$", "403", times=1000))
    before = len(company.requests)
    salesforce.check()
    assert not [each for each in company.requests[before:] if "/jobs/" in each.path], "no object is so large"
    settings = bulk(monkeypatch)
    for refused in (lambda: lake.pull("salesforce", START, END, settings=settings), salesforce.check):
        with pytest.raises(SourceError, match=r"^salesforce: Bulk query jobs, .*BULK_ROWS .*; the app's user lacks"):
            refused()
    assert committed(fresh, "salesforce") == []
    company.faults.plan.clear()
    before = len(company.requests)
    salesforce.check()
    (job,) = [each.json["query"] for each in company.requests[before:] if "/jobs/" in each.path]
    assert re.fullmatch(r"SELECT Id FROM \w+ WHERE SystemModstamp >= 4000-12-31T00:00:00Z", job)


def test_the_doctor_reads_sessions_fields_and_usage(fresh: Settings, company: Running) -> None:
    assert re.fullmatch(r"\d+ users at http\S+; \d+ of \d+ calls of 24 hours used", salesforce.check())
