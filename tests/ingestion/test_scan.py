"""Every byte of the lake and of dlt's working directory, decoded: no address, phone, contact name, login or MD5."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from ingestion import lake
from ingestion.settings import Settings
from orchestration.init import source_questions
from sandbox.apis.pipedrive_fields import CUSTOM
from sandbox.server import Running
from sandbox.view import View
from sandbox.world import World
from tests import traces
from tests.ingestion.conftest import API_SOURCES, END, HASH_KEY, START


@pytest.fixture(scope="module")
def everything(pulled: Settings) -> str:
    told = [text for _, text in traces.texts(pulled.home)]
    assert len(told) > 50
    return "\n".join(told)


def test_no_personal_byte_is_kept(everything: str, world: World) -> None:
    assert list(traces.People.of(world, END).found(everything)) == []


def _hubspot(view: View) -> None:
    columns = view.portal.records("contacts").columns
    columns["hs_lifecyclestage_lead_date"][:5] = columns["email"][:5]


def _salesforce(view: View) -> None:
    leads = view.org.records("Lead")
    leads.column("MQL_Date__c")[:5] = leads.column("Email")[:5]  # type: ignore[index]


def _pipedrive(view: View) -> None:
    persons, (date,) = view.pipedrive.persons, [each.key for each in CUSTOM["persons"] if each.column == "mql_at"]
    render = persons.render

    def planted(row: int) -> Any:
        person = render(row)
        typed = person["emails"][0]["value"] if row < 5 and person["emails"] else person["custom_fields"][date]
        return {**person, "custom_fields": {**person["custom_fields"], date: typed}}

    persons.render = planted


def _mailchimp(view: View) -> None:
    for members, _, _ in view.emails.members.values():
        members[0]["timestamp_opt"] = members[0]["email_address"]


def _brevo(view: View) -> None:
    view.brevo.contacts[0]["createdAt"] = view.brevo.contacts[0]["email"]


def _klaviyo(view: View) -> None:
    attributes = view.klaviyo.profiles[0]["attributes"]
    attributes["created"] = attributes["email"]


@pytest.mark.parametrize("plant", [_hubspot, _salesforce, _pipedrive, _mailchimp, _brevo, _klaviyo])
def test_no_personal_byte_is_kept_of_a_row_in_quarantine(plant: Callable[[View], None], own: Any, world: World) -> None:
    """Somebody typed addresses where a date belongs."""
    until = START + dt.timedelta(days=21)
    company, settings = own(until)
    plant(company.sandbox.view)
    pulled = lake.pull(plant.__name__.strip("_"), START, until, settings=settings)
    assert sum(pulled.quarantined.values()) > 0
    assert traces.people_in(settings.home, traces.People.of(world, until)) == {}


def test_no_secret_is_kept(everything: str, company: Running) -> None:
    known = {**company.env, "KPILOTE_HASH_KEY": HASH_KEY}
    secrets = {each.variable for name in API_SOURCES for each in source_questions(name) if each.is_secret} & set(known)
    assert len(secrets) == len(API_SOURCES), "one each"
    for name in (*secrets, "KPILOTE_HASH_KEY"):
        assert known[name] not in everything, name


def test_the_members_of_a_list_keep_their_domain_only_where_it_is_a_companys(everything: str) -> None:
    assert "gmail.com" not in everything
