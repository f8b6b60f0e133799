"""Privacy at the door."""

import pytest

from ingestion.privacy import Hasher, company_domain, is_role_address, without_addresses
from ingestion.settings import settings_class
from orchestration.init import source_questions
from tests.ingestion.conftest import API_SOURCES

HASHER = Hasher("key")


def test_an_address_hashes_the_same_whatever_its_case_and_blanks() -> None:
    assert HASHER.email(" Ann@Example.com ") == HASHER.email("ann@example.com")
    assert HASHER.identifier("Ann@Example.com") == HASHER.email("ann@example.com")
    assert HASHER.identifier("User-7") != HASHER.identifier("user-7")
    assert len(HASHER.email("ann@example.com")) == 64
    assert Hasher("other").email("ann@example.com") != HASHER.email("ann@example.com")


def test_the_key_never_shows() -> None:
    assert "key" not in repr(HASHER).replace("Hasher", "")


def test_only_a_companys_domain_is_kept() -> None:
    assert company_domain("ann@Acme.example.com") == "acme.example.com"
    assert company_domain("ann@gmail.com") is None
    assert company_domain("ann@orange.fr") is None
    assert company_domain("ann") is None


def test_a_mailbox_of_a_function_is_told_from_a_persons() -> None:
    for address in ("info@acme.io", " Ventes@acme.fr ", "support+fr@acme.io", "no-reply@acme.io"):
        assert is_role_address(address), address
    for address in ("ann@acme.io", "infobell@acme.io", "ann.sales@acme.io", "info", ""):
        assert not is_role_address(address), address


def test_addresses_are_cut_out_of_urls_however_encoded() -> None:
    for url in (
        "https://x.example/?email=ann.b+c@acme.io&a=1",
        "https://x.example/?email=ann%40acme.co.uk&a=1",
        "https://x.example/?email=ann%2540acme.io&a=1",
    ):
        assert without_addresses(url) == "https://x.example/?email=(address)&a=1"
    assert without_addresses("https://x.example/a%20b@home") == "https://x.example/a%20b@home"


@pytest.mark.parametrize("source", API_SOURCES)
def test_a_sources_settings_show_no_secret(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = source_questions(source)
    secrets = {each.variable: f"canary-{each.field}-us1" for each in questions if each.is_secret}
    assert secrets
    for name, value in {**dict.fromkeys((each.variable for each in questions), "1"), **secrets}.items():
        monkeypatch.setenv(name, value)
    settings = settings_class(source).load()
    assert {getattr(settings, each.field).get_secret_value() for each in questions if each.is_secret} == {
        *secrets.values()
    }
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
