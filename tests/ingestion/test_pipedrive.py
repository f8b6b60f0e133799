"""Pipedrive's own traps: no feed of deletions, tokens that end, changes that do not say whose they are, own fields."""

import datetime as dt
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from ingestion import lake
from ingestion.errors import SourceError, TypeChangedError
from ingestion.privacy import Hasher
from ingestion.registry import table
from ingestion.rows import UnparsableError
from ingestion.settings import Settings, reload
from ingestion.sources import pipedrive
from ingestion.sources.pipedrive import texts
from sandbox.apis import pipedrive_fields as schema
from sandbox.apis.pipedrive_activities import activity_id
from sandbox.changes import Change
from sandbox.limits import FAST, VENDOR
from sandbox.server import Credentials, Running
from sandbox.world import World
from tests import traces
from tests.ingestion.conftest import END, HASH_KEY, START
from tests.ingestion.lake_reader import latest, rows, windows

Truth = dict[str, list[tuple[object, ...]]]
DAY, WEEK = END - dt.timedelta(days=1), dt.timedelta(days=7)
PREFIX = "SOURCES__PIPEDRIVE__"
NAMES = ("persons", "organizations", "activities", "deals", "leads")


def newest(settings: Settings, name: str) -> dict[str, dict[str, Any]]:
    """What staging starts from, by the first column of the key that is an id."""
    declared = table(f"pipedrive.{name}")
    names = [column.name for column in declared.columns if column.name != "read_at"]
    key = declared.key[1] if declared.key[0].endswith("_type") else declared.key[0]
    return {str(row[names.index(key)]): dict(zip(names, row, strict=True)) for row in latest(settings, declared)}


def standing(settings: Settings, name: str) -> set[str]:
    return {id_ for id_, row in newest(settings, name).items() if not row["archived"]}


def test_persons_are_the_companys(pulled: Settings, world: World) -> None:
    contacts = world.snapshot(END).contacts
    contacts = contacts[contacts["archived_at"].isna() & contacts["merged_into"].isna()]
    found, hasher = newest(pulled, "persons"), Hasher(HASH_KEY)
    assert set(found) == set(contacts["contact_id"])
    for contact in contacts.to_dict("records"):
        row = found[contact["contact_id"]]
        assert row["email_hash"] == row["email_hashes"][0] == hasher.email(contact["email"])
        assert (row["lifecycle_stage"], row["country"]) == (contact["lifecycle_stage"], contact["country"])
        assert row["is_test"] is bool(contact["is_test"])
        assert row["client_id"] == (None if pd.isna(contact["ga_client_id"]) else contact["ga_client_id"])
        login = contact["user_key"]
        assert row["user_key_hash"] == (None if pd.isna(login) else hasher.identifier(login))
        for name in ("lead_at", "mql_at", "sql_at", "opportunity_at", "customer_at"):
            told = contact[name]
            assert row[name] == (None if pd.isna(told) else told.floor("ms").to_pydatetime()), name
        assert row["created_at"] == contact["created_at"].floor("s").to_pydatetime()


def test_organizations_are_the_companys(pulled: Settings, world: World) -> None:
    companies = world.snapshot(END).companies
    found = newest(pulled, "organizations")
    for company in companies[companies["merged_into"].isna()].to_dict("records"):
        row = found[company["company_id"]]
        assert (row["name"], row["country"], row["industry"]) == (
            company["name"],
            company["country"],
            company["industry"],
        )
        assert row["domain"] == (None if pd.isna(company["domain"]) else company["domain"])
        assert row["employees"] == (None if pd.isna(company["employees"]) else int(company["employees"]))


def test_deals_are_the_companys_those_shelved_included(pulled: Settings, world: World) -> None:
    company = world.snapshot(END)
    deals = company.deals[company.deals["archived_at"].isna()]
    found = newest(pulled, "deals")
    assert {id_ for id_, row in found.items() if not row["archived"]} == set(deals["deal_id"])
    assert any(row["is_shelved"] for row in found.values())
    changed = {row["object_id"] for row in rows(pulled, table("pipedrive.deal_changes"))}
    for deal in deals.to_dict("records"):
        row = found[deal["deal_id"]]
        assert row["status"] == schema.STATUSES.get(deal["stage"], "open")
        assert (float(row["amount"]), row["currency"]) == (deal["amount"], deal["currency"])
        assert row["lost_reason"] == (None if pd.isna(deal["lost_reason"]) else deal["lost_reason"])
        assert row["deal_id"] in changed


def test_activities_are_the_companys(pulled: Settings, world: World) -> None:
    company = world.snapshot(END)
    found = newest(pulled, "activities")
    kinds = {0: company.meetings[company.meetings["archived_at"].isna()], 1: company.calls, 2: company.crm_emails}
    keys = {0: "meeting_id", 1: "call_id", 2: "email_id"}
    assert set(found) == {activity_id(each, kind) for kind, frame in kinds.items() for each in frame[keys[kind]]}
    for meeting in kinds[0].to_dict("records"):
        row = found[activity_id(meeting["meeting_id"], 0)]
        assert row["kind"] == ("demo" if meeting["kind"] == "demo" else "meeting")
        assert row["type_says"] == {"NO_SHOW": "no_show", "CANCELED": "canceled"}.get(meeting["outcome"])
        assert row["is_done"] is (meeting["outcome"] != "SCHEDULED")
        assert row["starts_at"] == meeting["start_at"].to_pydatetime()
    assert {row["kind"] for row in found.values()} == {"demo", "meeting", "call", "email"}
    received = {id_ for id_, row in found.items() if row["type_says"] == "received"}
    inbound = company.crm_emails[company.crm_emails["direction"] == "INCOMING_EMAIL"]
    assert received == {activity_id(each, 2) for each in inbound["email_id"]}


def test_what_is_deleted_or_merged_gets_a_tombstone_once(own: Any) -> None:
    company, settings = own(until=DAY)
    lake.pull("pipedrive", START, DAY, settings=settings)
    names = ("persons", "organizations", "deals", "activities")
    before = {name: standing(settings, name) for name in names}
    company.sandbox.changes = (
        Change("contacts_merged", DAY, 3), Change("contact_deleted", DAY, 9), Change("companies_merged", DAY, 2),
        Change("deal_archived", DAY, 1), Change("deal_deleted", DAY, 5), Change("meeting_archived", DAY, 2),
    )  # fmt: skip
    company.advance(END)
    lake.pull("pipedrive", DAY, END, settings=settings)
    gone = {name: before[name] - standing(settings, name) for name in names}
    assert {name: len(ids) for name, ids in gone.items()} == {
        "persons": 2, "organizations": 1, "deals": 2, "activities": 1,
    }  # fmt: skip
    persons = newest(settings, "persons")
    heirs = [
        (each, row["person_id"])
        for each in gone["persons"]
        for row in persons.values()
        if not row["archived"] and persons[each]["email_hash"] in row["email_hashes"]
    ]
    assert len(heirs) == 1, "of the one merged away the survivor has the address, of the one deleted nobody"
    told = {row["status"]: row["archived_at"] for row in map(newest(settings, "deals").get, gone["deals"]) if row}
    assert told["deleted"] == Change("deal_archived", DAY).at.to_pydatetime(), "the list of deleted deals says when"
    again = lake.pull("pipedrive", DAY, END, settings=settings)
    assert not set(again.rows) - {"users", "pipelines", "stages"}
    company.sandbox.changes = ()
    company.advance(END)
    lake.pull("pipedrive", DAY, END, settings=settings)
    assert all(before[name] & gone[name] <= standing(settings, name) for name in names), "what comes back stands again"


def test_a_deal_archived_and_then_deleted_is_told_by_the_list_it_was_in(
    own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    company, _ = own(until=DAY)
    monkeypatch.setenv(f"{PREFIX}RECONCILE_TOKENS", "0")
    settings = reload()
    lake.pull("pipedrive", START, DAY, settings=settings)
    shelved = next(id_ for id_, row in newest(settings, "deals").items() if row["is_shelved"])
    deals = company.sandbox.world.snapshot(END).deals
    known = sorted(
        deals.loc[deals["archived_at"].isna() & (deals["created_at"] < Change("deal_archived", DAY).at), "deal_id"]
    )
    gone = Change("deal_archived", DAY, len(known) - 1 - known.index(shelved))
    company.sandbox.changes = (gone,)
    company.advance(END)
    lake.pull("pipedrive", DAY, END, settings=settings)
    row = newest(settings, "deals")[shelved]
    assert (row["status"], row["archived"], row["archived_at"]) == ("deleted", True, gone.at.to_pydatetime())


def test_a_whole_read_takes_what_changed_before_the_cursor_and_nothing_twice(
    own: Any, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leads archived are in no list of changes, and deals archived or deleted may show late: the cursor has gone on."""
    early = END - dt.timedelta(days=20)
    company, _ = own(until=early)
    monkeypatch.setenv(f"{PREFIX}RECONCILE_TOKENS", "0")
    monkeypatch.setenv(f"{PREFIX}RECONCILE_DAYS", "25")
    settings = reload()
    lake.pull("pipedrive", START, early, settings=settings)
    company.sandbox.changes = (Change("deal_archived", early + dt.timedelta(days=1), 1),)
    company.advance(END)
    lists = company.sandbox.view.pipedrive.deals._lists
    with monkeypatch.context() as patch:
        for hidden in ("deals/archived", "deals/deleted"):
            patch.setitem(lists, hidden, lists[hidden].part(np.array([], dtype=int)))
        lake.pull("pipedrive", early, END, settings=settings)
    assert latest(settings, table("pipedrive.leads")) != truth["pipedrive.leads"]
    assert not {row["deal_id"] for row in newest(settings, "deals").values() if row["archived"]}
    pulled = lake.pull("pipedrive", END, END + WEEK, settings=settings)
    assert latest(settings, table("pipedrive.leads")) == truth["pipedrive.leads"]
    assert pulled.rows["leads"] < len(truth["pipedrive.leads"])
    found = newest(settings, "deals")
    assert {id_ for id_, row in found.items() if row["is_shelved"]} == set(lists["deals/archived"].ids)
    assert {id_ for id_, row in found.items() if row["archived"]} == set(lists["deals/deleted"].ids) != set()
    monkeypatch.setenv(f"{PREFIX}RECONCILE_TOKENS", "100000")
    again = lake.pull("pipedrive", DAY, END, settings=reload())
    assert not set(again.rows) & set(NAMES), "a whole read appends nothing that the lake holds"


def test_long_lists_are_read_by_what_changed_and_whole_after_some_days(
    fresh: Settings, later: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}RECONCILE_TOKENS", "0")
    settings = reload()
    lake.pull("pipedrive", START, END, settings=settings)
    before = standing(settings, "persons")
    later.sandbox.changes = (
        Change("contact_deleted", DAY, 9),
        Change("deal_won", DAY),
        Change("deal_archived", DAY, 3),
    )
    asked = len(later.requests)
    pulled = lake.pull("pipedrive", START, END, settings=settings)
    lists = [each for each in later.requests[asked:] if "sort_by=update_time" in each.query]
    assert lists
    assert all("updated_since=" in each.query and "." not in each.query.split("updated_since=")[1] for each in lists)
    assert not [each for each in later.requests[asked:] if each.path.endswith("leads/archived")]
    assert pulled.rows["deals"] == 2
    assert standing(settings, "persons") == before

    lake.pull("pipedrive", END, END + WEEK, settings=settings)
    assert len(before - standing(settings, "persons")) == 1


def test_pages_that_share_seconds_lose_and_double_nothing(
    fresh: Settings, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bulk update leaves more records in one second than a page holds; leads page by offsets."""
    monkeypatch.setattr("ingestion.sources.pipedrive.api.PAGE", 7)
    monkeypatch.setattr("ingestion.sources.pipedrive.api.IDS_PAGE", 5)
    lake.pull("pipedrive", START, END, settings=fresh)
    for name in ("persons", "leads", "activities", "deals", "deal_changes", "deal_participants", "stages"):
        assert latest(fresh, table(f"pipedrive.{name}")) == truth[f"pipedrive.{name}"], name


def test_leads_that_move_while_they_are_read_are_read_again(
    fresh: Settings, company: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first lead leaves the inbox between two pages: the next page begins with another lead than it should."""
    monkeypatch.setattr("ingestion.sources.pipedrive.api.PAGE", 7)
    leads = company.sandbox.view.pipedrive.deals.leads
    kept, pages = list(leads), 0
    inbox = [lead for lead in leads if not lead["is_archived"]]

    def move(logged: Any) -> None:
        nonlocal pages
        if logged.path.endswith("/v1/leads"):
            pages += 1
            leads[:] = [lead for lead in kept if pages != 1 or lead is not inbox[0]]

    monkeypatch.setattr(company.sandbox, "on_request", move)
    lake.pull("pipedrive", START, END, settings=fresh)
    assert pages > (len(inbox) - 1) // 6 + 1, "each page but the first begins with the last lead of the one before"
    assert latest(fresh, table("pipedrive.leads")) == truth["pipedrive.leads"]


def test_histories_wait_where_the_days_tokens_end(own: Any, truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    company, settings = own()
    monkeypatch.setenv(f"{PREFIX}RESERVE_TOKENS", "0")
    company.sandbox.counters.pipedrive_day.allowed = 500
    result = lake.pull("pipedrive", START, END, settings=reload())
    assert latest(settings, table("pipedrive.deals")) == truth["pipedrive.deals"]
    read = {row["object_id"] for row in rows(settings, table("pipedrive.deal_changes"))}
    assert 0 < len(read) < result.rows["deals"]
    assert {row["window_end"] for row in windows(settings, "pipedrive", "deal_changes")} == {START}
    company.sandbox.counters.pipedrive_day.allowed = 1_000_000
    lake.pull("pipedrive", START, END, settings=settings)
    for name in ("deals", "deal_changes", "deal_participants"):
        assert latest(settings, table(f"pipedrive.{name}")) == truth[f"pipedrive.{name}"], name
    assert END in {row["window_end"] for row in windows(settings, "pipedrive", "deal_changes")}


def test_a_pull_without_tokens_stops_at_once_and_says_so(own: Any) -> None:
    company, settings = own(limits=replace(FAST, pipedrive_tokens_per_day=35))
    with pytest.raises(SourceError, match=r"API tokens of the day are used up \(429\): run it again after midnight"):
        lake.pull("pipedrive", START, END, settings=settings)
    assert sum(each.status == 429 for each in company.requests) <= 8, "no stream asks again"


def test_bursts_are_kept_to(own: Any) -> None:
    company, settings = own(limits=replace(FAST, pipedrive_per_two_seconds=VENDOR.pipedrive_per_two_seconds))
    lake.pull("pipedrive", START, END, settings=settings)
    assert sum(each.status == 429 for each in company.requests) < 3, "requests may arrive closer than they left"


def test_a_burst_refused_is_asked_again(own: Any, truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another integration shares the token: the limit learnt is not what is left."""
    company, settings = own()
    for _ in range(company.sandbox.counters.pipedrive_burst.allowed - 5):
        company.sandbox.counters.pipedrive_burst.take()
    lake.pull("pipedrive", START, END, settings=settings)
    assert 429 in {each.status for each in company.requests}
    assert latest(settings, table("pipedrive.persons")) == truth["pipedrive.persons"]


def test_fields_are_found_by_name_or_key_and_nothing_else_is_asked_for(
    fresh: Settings, company: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    persons = {each.setting: each for each in schema.CUSTOM["persons"]}
    monkeypatch.setenv(f"{PREFIX}MQL_DATE_FIELD", persons["MQL_DATE_FIELD"].key)
    monkeypatch.setenv(f"{PREFIX}LIFECYCLE_FIELD", "")
    before = len(company.requests)
    lake.pull("pipedrive", START, END, settings=reload())
    asked = next(each.query for each in company.requests[before:] if each.path.endswith("v2/persons"))
    keys = set(asked.split("custom_fields=")[1].split("&")[0].replace("%2C", ",").split(","))
    assert keys == {each.key for name, each in persons.items() if name != "LIFECYCLE_FIELD"}
    found = newest(fresh, "persons")
    assert {row["lifecycle_stage"] for row in found.values()} == {None}
    assert any(row["mql_at"] for row in found.values())
    monkeypatch.setenv(f"{PREFIX}LIFECYCLE_FIELD", "lifecycle STAGE")
    lake.pull("pipedrive", START, END, settings=reload())
    assert latest(fresh, table("pipedrive.persons")) == truth["pipedrive.persons"], "another setting reads all anew"


def test_what_is_gone_when_a_field_is_named_gets_its_tombstone_then(
    fresh: Settings, later: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}RECONCILE_TOKENS", "0")
    monkeypatch.setenv(f"{PREFIX}LIFECYCLE_FIELD", "")
    lake.pull("pipedrive", START, END, settings=reload())
    before = standing(fresh, "persons")
    monkeypatch.setenv(f"{PREFIX}LIFECYCLE_FIELD", "Lifecycle stage")
    monkeypatch.setenv(f"{PREFIX}MEETING_TYPES", "nothing")
    later.sandbox.changes = (Change("contact_deleted", DAY, 9),)
    pulled = lake.pull("pipedrive", START, END, settings=reload())
    assert len(before - standing(fresh, "persons")) == 1
    assert set(pulled.rows) == {"persons", "activities", "users", "pipelines", "stages"}, (
        "organizations and deals stand"
    )
    assert "meeting" not in {row["kind"] for row in newest(fresh, "activities").values()}


@pytest.mark.parametrize(
    "setting",
    [*(each.setting for each in schema.CUSTOM["persons"]), "RECURRING_AMOUNT_FIELD", "SEGMENT_FIELD", "PARTNER_FIELD"],
)
def test_a_field_the_account_lacks_is_named_with_its_setting(
    setting: str, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}{setting}", "No such field")
    for attempt in (lambda: lake.pull("pipedrive", START, END, settings=reload()), pipedrive.check):
        with pytest.raises(SourceError, match=f"have no field 'No such field': .*{PREFIX}{setting} to another one"):
            attempt()


def test_a_name_two_fields_have_is_not_guessed(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = (*schema.CUSTOM["persons"], replace(schema.CUSTOM["persons"][0], name="lead date"))
    monkeypatch.setitem(schema.CUSTOM, "persons", twice)
    with pytest.raises(
        SourceError, match="several fields 'Lead date': set SOURCES__PIPEDRIVE__LEAD_DATE_FIELD to the key"
    ):
        lake.pull("pipedrive", START, END, settings=fresh)


def test_activity_types_mean_what_the_settings_say(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}DEMO_TYPES", "Follow_Up, demo")
    monkeypatch.setenv(f"{PREFIX}NO_SHOW_TYPES", "demo")
    monkeypatch.setenv(f"{PREFIX}EMAIL_TYPES", "none")
    lake.pull("pipedrive", START, END, settings=reload())
    said = {row["type"]: (row["kind"], row["type_says"]) for row in newest(fresh, "activities").values()}
    assert said["follow_up"] == ("meeting", None), "the later list wins"
    assert said["demo"] == ("demo", "no_show")
    assert said["email"] == (None, None)
    assert said["call"] == ("call", None)


def test_people_of_a_deal_are_its_primary_person_where_they_are_not_read(
    fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}PARTICIPANTS", "false")
    before = len(company.requests)
    lake.pull("pipedrive", START, END, settings=reload())
    assert not [
        each for each in company.requests[before:] if each.path.endswith("participants") or "participants" in each.query
    ]
    deals = newest(fresh, "deals")
    for id_, row in newest(fresh, "deal_participants").items():
        assert row["person_ids"] == (deals[id_]["person_id"],)


@pytest.mark.parametrize("scope", sorted(schema.ALL_SCOPES))
def test_a_missing_permission_is_named(
    scope: str, fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = Credentials(pipedrive_tokens={"sandbox-pipedrive-token": schema.ALL_SCOPES - {scope}})
    monkeypatch.setattr(company.sandbox, "credentials", narrow)
    for attempt in (lambda: lake.pull("pipedrive", START, END, settings=fresh), pipedrive.check):
        with pytest.raises(SourceError, match=rf"\(403\): its user or app lacks the permission {scope}"):
            attempt()


def test_a_changed_type_fails_the_load_and_names_it(fresh: Settings, own: Any) -> None:
    company, settings = own()
    deals = company.sandbox.view.pipedrive.deals
    render = deals.listing("deals").render
    deals.listing("deals").render = lambda row: {**render(row), "value": "much"}
    with pytest.raises(TypeChangedError, match=r"deals\.amount changed: declared number"):
        lake.pull("pipedrive", START, END, settings=settings)


def test_no_name_phone_or_address_comes_in(fresh: Settings, world: World) -> None:
    lake.pull("pipedrive", START, END, settings=fresh)
    people = traces.People.of(world, END)
    assert traces.people_in(fresh.home, people) == {}


def test_the_doctor_says_what_is_there(fresh: Settings) -> None:
    said = pipedrive.check()
    assert "9 users and 5 stages at http://127.0.0.1" in said
    assert "tokens left today" in said


def converted(name: str, column: str, text: str) -> Any:
    return texts.converters(Hasher("k"), ZoneInfo("Europe/Paris"))[name][column](text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-06-01", "2026-05-31T22:00:00+00:00"), ("2026-12-01", "2026-11-30T23:00:00+00:00"),
        ("2026-06-01T10:20:30.123Z", "2026-06-01T10:20:30.123000+00:00"),
        ("2026-06-01T10:20:30+02:00", "2026-06-01T08:20:30+00:00"),
        ("2026-06-01 10:20:30", "2026-06-01T10:20:30+00:00"),
    ],
)  # fmt: skip
def test_a_day_begins_at_the_reporting_midnight_and_an_instant_is_what_it_says(text: str, instant: str) -> None:
    assert converted("persons", "mql_at", text).isoformat() == instant


@pytest.mark.parametrize(
    ("website", "domain"),
    [
        ("https://www.Acme.example/about?x=1", "acme.example"), ("acme.example", "acme.example"),
        ("http://acme.example:8080", "acme.example"), ("www.acme.example/", "acme.example"), ("/", None),
    ],
)  # fmt: skip
def test_the_domain_of_a_website(website: str, domain: str | None) -> None:
    assert converted("organizations", "domain", website) == domain


@pytest.mark.parametrize(("text", "seconds"), [("01:30", 5400), ("00:01:05", 65), ("00:00", 0)])
def test_durations(text: str, seconds: int) -> None:
    assert converted("activities", "duration_seconds", text) == seconds


@pytest.mark.parametrize(
    ("name", "column", "text"),
    [
        ("persons", "mql_at", "soon"), ("persons", "is_test", "maybe"), ("activities", "duration_seconds", "1h"),
        ("activities", "duration_seconds", "1"),
    ],
)  # fmt: skip
def test_what_cannot_be_parsed_is_refused_without_repeating_it(name: str, column: str, text: str) -> None:
    with pytest.raises(UnparsableError) as caught:
        converted(name, column, text)
    assert text not in str(caught.value)
