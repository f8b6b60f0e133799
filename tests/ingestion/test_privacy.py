"""Privacy at the door."""

from ingestion.privacy import Hasher, company_domain, is_role_address, without_addresses

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
