"""HubSpot's own traps: searches beyond the cap, bulk updates on one timestamp, changed types, missing scopes."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pytest

from ingestion import lake
from ingestion.errors import SourceError, TypeChangedError
from ingestion.registry import SOURCES, bookkeeping, table
from ingestion.settings import Settings, reload
from sandbox.apis import hubspot_search
from sandbox.server import Credentials, Running, running
from sandbox.world import Snapshot, World
from tests.ingestion.conftest import END, START, environment
from tests.ingestion.lake_reader import committed, latest, rows

Truth = dict[str, list[tuple[object, ...]]]
CONTACTS = table("hubspot.contacts")


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
    live = [row for row in latest(settings, CONTACTS) if not row[-2]]
    assert result.rows["contacts"] >= len(live) > hubspot_search.PAGE
    assert {row[3] for row in live} == {"BE"}


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


def test_a_missing_scope_and_a_missing_property_are_named(
    world: World, company: Running, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes = next(iter(company.sandbox.credentials.hubspot_tokens.values())) - {"crm.objects.deals.read"}
    monkeypatch.setattr(company.sandbox, "credentials", Credentials({"sandbox-hubspot-token": scopes}))
    with pytest.raises(SourceError, match=r"lacks the scope crm\.objects\.deals\.read \(403\)"):
        lake.pull("hubspot", START, END, settings=fresh)
    monkeypatch.undo()


def test_properties_a_portal_lacks_are_named_or_switched_off(
    fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__HUBSPOT__IS_TEST_PROPERTY", "is_internal")
    with pytest.raises(SourceError, match=r"no property is_internal: .*SOURCES__HUBSPOT__IS_TEST_PROPERTY"):
        lake.pull("hubspot", START, END, settings=fresh)
    monkeypatch.setenv("SOURCES__HUBSPOT__IS_TEST_PROPERTY", "none")
    lake.pull("hubspot", START, END, settings=fresh)
    assert {row["is_test"] for row in rows(fresh, CONTACTS)} == {None}


def test_names_and_phones_are_never_asked_for(fresh: Settings, company: Running) -> None:
    before = len(company.requests)
    lake.pull("hubspot", START, END, settings=fresh)
    asked = " ".join(f"{each.query} {each.body.decode()}" for each in company.requests[before:])
    for name in ("firstname", "lastname", "phone", "address", "hs_email_text"):
        assert name not in asked


def test_a_lake_is_not_written_under_two_keys(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.pull("spreadsheets", START, END, settings=fresh)
    monkeypatch.setenv("KPILOTE_HASH_KEY", "another key")
    with pytest.raises(Exception, match="KPILOTE_HASH_KEY differs"):
        lake.pull("spreadsheets", START, END, settings=reload())


def test_every_source_is_pulled_by_its_one_word() -> None:
    for name in SOURCES:
        assert __import__(f"ingestion.sources.{name}", fromlist=["connect"]).connect
