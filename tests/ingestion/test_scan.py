"""Every byte of the lake and of dlt's working directory, decoded: no address, phone, contact name, login or MD5."""

import pytest

from ingestion import lake
from ingestion.settings import Settings
from sandbox.server import Running
from sandbox.world import World
from tests import traces
from tests.ingestion.conftest import END, HASH_KEY, START


@pytest.fixture(scope="module")
def everything(pulled: Settings) -> str:
    told = [text for _, text in traces.texts(pulled.home)]
    assert len(told) > 50
    return "\n".join(told)


def test_no_personal_byte_is_kept(everything: str, world: World) -> None:
    assert list(traces.People.of(world, END).found(everything)) == []


def test_no_personal_byte_is_kept_of_a_row_in_quarantine(fresh: Settings, company: Running, world: World) -> None:
    """Somebody typed addresses where a date belongs."""
    columns = company.sandbox.view.portal.records("contacts").columns
    dates = columns["hs_lifecyclestage_lead_date"]
    kept = list(dates)
    try:
        dates[:5] = columns["email"][:5]
        pulled = lake.pull("hubspot", START, END, settings=fresh)
    finally:
        dates[:] = kept
    assert pulled.quarantined["contacts"] > 0
    assert traces.people_in(fresh.home, traces.People.of(world, END)) == {}


def test_no_secret_is_kept(everything: str) -> None:
    for secret in (
        HASH_KEY,
        "sandbox-hubspot-token",
        "sandbox-ga4-token",
        "sandbox-mailchimp-key-us1",
        "sandbox-matomo-token",
    ):
        assert secret not in everything


def test_the_members_of_a_list_keep_their_domain_only_where_it_is_a_companys(everything: str) -> None:
    assert "gmail.com" not in everything
