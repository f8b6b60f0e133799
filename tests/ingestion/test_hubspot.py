"""HubSpot's own traps: searches beyond the cap, bulk updates on one timestamp, changed types, missing scopes."""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ingestion import lake
from ingestion.errors import SourceError, TypeChangedError
from ingestion.registry import SOURCES, bookkeeping, table
from ingestion.settings import Settings, reload
from ingestion.sources import hubspot
from sandbox.apis import hubspot_search
from sandbox.apis.hubspot_schema import ALL_SCOPES
from sandbox.changes import Change
from sandbox.corrupt import Corruption
from sandbox.server import Credentials, Running, running
from sandbox.world import Snapshot, World
from tests.ingestion.conftest import END, START, environment
from tests.ingestion.lake_reader import VOLATILE, committed, latest, rows

Truth = dict[str, list[tuple[object, ...]]]
CONTACTS = table("hubspot.contacts")
# What only a list of all live records asks for.
LIVE_LIST = "archived=false&properties"


@dataclass(frozen=True)
class BulkUpdated:
    """A company whose people changed every contact at one moment of its last day."""

    world: World
    day: dt.date

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def snapshot(self, until: dt.date) -> Snapshot:
        company = self.world.snapshot(until)
        if until < self.day:
            return company
        moment = pd.Timestamp(self.day, tz="UTC") - pd.Timedelta(hours=3)
        changed = company.contacts["updated_at"].where(company.contacts["updated_at"] > moment, moment)
        return replace(company, contacts=company.contacts.assign(updated_at=changed, country="BE"))


def test_a_bulk_update_beyond_the_cap_on_one_timestamp_is_read_whole(
    world: World, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox's cap is lowered to one page, so that paging by offset or by timestamp could not pass it."""
    monkeypatch.setattr(hubspot_search, "CAP", hubspot_search.PAGE)
    home = tmp_path_factory.mktemp("bulk")
    day_before = END - dt.timedelta(days=1)
    with running(BulkUpdated(world, END), day_before, home=home) as company:  # type: ignore[arg-type]
        for name, value in environment(company, home / "kpilote").items():
            monkeypatch.setenv(name, value)
        settings = reload()
        lake.pull("hubspot", START, day_before, settings=settings)
        company.advance(END)
        result = lake.pull("hubspot", day_before, END, settings=settings)
    names = [column.name for column in CONTACTS.columns if column.name not in VOLATILE]
    contacts = [dict(zip(names, row, strict=True)) for row in latest(settings, CONTACTS)]
    live = [each for each in contacts if not each["archived"]]
    assert result.rows["contacts"] >= len(live) > hubspot_search.PAGE
    assert {each["country"] for each in live} == {"BE"}


@pytest.fixture
def later(company: Running) -> Iterator[Running]:
    """The company, to be changed; as it was afterwards."""
    yield company
    company.sandbox.changes = ()
    company.sandbox.refresh()


def _standing(settings: Settings, name: str) -> set[str]:
    """Ids of the records of a lake table that are there and not archived."""
    declared = table(f"hubspot.{name}")
    names = [column.name for column in declared.columns]
    found = (dict(zip(names, row, strict=False)) for row in latest(settings, declared))
    return {str(row[declared.key[0]]) for row in found if not row["archived"]}


def test_records_deleted_for_good_get_a_tombstone_once(fresh: Settings, later: Running) -> None:
    lake.pull("hubspot", START, END, settings=fresh)
    before = {name: _standing(fresh, name) for name in ("deals", "contacts", "companies")}
    day = END - dt.timedelta(days=1)
    later.sandbox.changes = (
        Change("deal_deleted", day, 3),
        Change("contact_deleted", day, 5),
        Change("contact_deleted", day, 9),
    )
    asked = len(later.requests)
    pulled = lake.pull("hubspot", START, END, settings=fresh)
    assert pulled.rows["deals"] == 1
    assert {name: len(before[name] - _standing(fresh, name)) for name in before} == {
        "deals": 1, "contacts": 2, "companies": 0,
    }  # fmt: skip
    listed = {each.path.rpartition("/")[2] for each in later.requests[asked:] if LIVE_LIST in each.query}
    assert {"deals", "contacts"} <= listed
    assert "companies" not in listed, "nothing is listed where the numbers agree"
    assert lake.pull("hubspot", START, END, settings=fresh).rows.get("deals", 0) == 0


def test_records_whose_id_was_lost_are_not_taken_for_deleted(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company of its own: what a mended record leaves behind is a later edit, which no other test expects."""
    with running(world, END, home=tmp_path / "company") as company:
        for name, value in environment(company, tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        settings = reload()
        lake.pull("hubspot", START, END, settings=settings)
        before = _standing(settings, "contacts")
        company.faults.spoil(Corruption("hubspot.contacts", "null_key", rows=3))
        lake.pull("hubspot", START, END, settings=settings)
        assert before <= _standing(settings, "contacts")


def test_merged_and_archived_records_are_not_taken_for_deleted(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = END - dt.timedelta(days=1)
    with running(world, day, home=tmp_path / "company") as company:
        for name, value in environment(company, tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        settings = reload()
        lake.pull("hubspot", START, day, settings=settings)
        kinds = ("contacts_merged", "contact_archived", "deal_archived")
        company.sandbox.changes = tuple(Change(kind, day, number) for number, kind in enumerate(kinds))
        company.advance(END)
        asked = len(company.requests)
        lake.pull("hubspot", day, END, settings=settings)
        lake.pull("hubspot", day, END, settings=settings)
        assert not [each.path for each in company.requests[asked:] if LIVE_LIST in each.query]


@pytest.fixture
def spoilt_deals(company: Running) -> Iterator[list[Any]]:
    """The amounts HubSpot holds, to be spoilt; restored afterwards."""
    amounts: list[Any] = company.sandbox.view.portal.records("deals").columns["amount"]
    kept = list(amounts)
    yield amounts
    amounts[:] = kept


def test_a_changed_type_fails_the_load_and_names_it(fresh: Settings, spoilt_deals: list[Any], truth: Truth) -> None:
    kept = list(spoilt_deals)
    spoilt_deals[:] = [None if amount is None else float(amount) for amount in spoilt_deals]
    with pytest.raises(TypeChangedError) as caught:
        lake.pull("hubspot", START, END, settings=fresh)
    assert "deals.amount changed: declared string (decimal), received number" in str(caught.value)
    assert committed(fresh, "hubspot") == []
    spoilt_deals[:] = kept
    lake.pull("hubspot", START, END, settings=fresh)
    assert latest(fresh, table("hubspot.deals")) == truth["hubspot.deals"]


def test_rows_received_are_rows_accepted_and_quarantined(
    fresh: Settings, spoilt_deals: list[Any], truth: Truth
) -> None:
    spoilt_deals[1] = "a lot"
    spoilt_deals[3] = "1e99"
    result = lake.pull("hubspot", START, END, settings=fresh)
    assert result.quarantined["deals"] == 2
    assert result.rows["deals"] + 2 == len(truth["hubspot.deals"])
    quarantine = bookkeeping("hubspot").quarantine
    refused = sorted(rows(fresh, quarantine), key=lambda row: row["row_number"])
    assert [(row["table_name"], row["column_name"], row["value_type"], row["reason"]) for row in refused] == [
        ("deals", "amount", "string(5)", "amount: not a number"),
        ("deals", "amount", "string(4)", "amount: too large for an amount (16 digits)"),
    ]


@pytest.mark.parametrize("scope", sorted(ALL_SCOPES))
def test_a_missing_scope_is_named_by_the_doctor_and_the_pull(
    scope: str, company: Running, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = Credentials({"sandbox-hubspot-token": ALL_SCOPES - {scope}})
    monkeypatch.setattr(company.sandbox, "credentials", credentials)
    for refused in (hubspot.check, lambda: lake.pull("hubspot", START, END, settings=fresh)):
        with pytest.raises(SourceError, match=rf"lacks the scope {re.escape(scope)} \(403\)"):
            refused()


def test_properties_a_portal_lacks_are_named_or_switched_off(
    fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__HUBSPOT__IS_TEST_PROPERTY", "is_internal")
    with pytest.raises(SourceError, match=r"no property is_internal: .*SOURCES__HUBSPOT__IS_TEST_PROPERTY"):
        lake.pull("hubspot", START, END, settings=fresh)
    monkeypatch.setenv("SOURCES__HUBSPOT__IS_TEST_PROPERTY", "none")
    lake.pull("hubspot", START, END, settings=fresh)
    assert {row["is_test"] for row in rows(fresh, CONTACTS)} == {None}


def test_a_property_named_later_fills_the_records_there_were(
    fresh: Settings, later: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the kind it concerns is read again, past the cap of searches, and what is gone meanwhile is gone."""
    monkeypatch.setenv("SOURCES__HUBSPOT__MQL_DATE_PROPERTY", "none")
    lake.pull("hubspot", START, END, settings=fresh)
    before = _standing(fresh, "contacts")
    assert {row["mql_at"] for row in rows(fresh, CONTACTS)} == {None}
    monkeypatch.delenv("SOURCES__HUBSPOT__MQL_DATE_PROPERTY")
    monkeypatch.setattr(hubspot_search, "CAP", hubspot_search.PAGE)
    day = END - dt.timedelta(days=1)
    later.sandbox.changes = (Change("contact_deleted", day, 5), Change("contact_archived", day, 9))
    asked = len(later.requests)
    pulled = lake.pull("hubspot", START, END, settings=fresh)
    lists = {each.path.rpartition("/")[2] for each in later.requests[asked:] if LIVE_LIST in each.query}
    assert lists == {"contacts"}
    assert set(pulled.rows) == {"contacts", "associations", "owners", "pipeline_stages"}
    gone = before - _standing(fresh, "contacts")
    assert len(gone) == 2
    names = [column.name for column in CONTACTS.columns if column.name not in VOLATILE]
    key, mql_at = names.index("contact_id"), names.index("mql_at")
    found, told = (
        {row[key]: row[mql_at] for row in kept if row[key] not in gone}
        for kept in (latest(fresh, CONTACTS), truth["hubspot.contacts"])
    )
    assert found == told
    assert any(found.values())
    again = lake.pull("hubspot", START, END, settings=fresh)
    assert not {"contacts", "associations"} & set(again.rows)


def test_names_and_phones_are_never_asked_for(fresh: Settings, company: Running) -> None:
    before = len(company.requests)
    lake.pull("hubspot", START, END, settings=fresh)
    asked = " ".join(f"{each.query} {each.body.decode()}" for each in company.requests[before:])
    for name in ("firstname", "lastname", "phone", "address", "hs_email_text"):
        assert name not in asked


def test_a_lake_is_not_written_under_two_keys(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.pull("spreadsheets", START, END, settings=fresh)
    monkeypatch.setenv("KPILOTE_HASH_KEY", "another key than before")
    with pytest.raises(Exception, match="KPILOTE_HASH_KEY differs"):
        lake.pull("spreadsheets", START, END, settings=reload())


def test_every_source_is_pulled_by_its_one_word() -> None:
    for name in SOURCES:
        assert __import__(f"ingestion.sources.{name}", fromlist=["connect"]).connect
