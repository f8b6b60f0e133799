"""Every byte of the lake and of dlt's working directory, decoded: no address, phone, contact name, login or MD5."""

import gzip
import hashlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.settings import Settings
from sandbox.world import World
from tests.ingestion.conftest import END, HASH_KEY


def decoded(path: Path) -> str:
    if path.suffix == ".parquet":
        return str(pq.read_table(path).to_pydict())
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode("latin-1")


@pytest.fixture(scope="module")
def everything(pulled: Settings) -> str:
    files = [path for path in pulled.home.rglob("*") if path.is_file()]
    assert len(files) > 100
    return "\n".join(map(decoded, files)).lower()


def test_no_personal_byte_is_kept(everything: str, world: World) -> None:
    contacts = world.snapshot(END).contacts
    emails = set(contacts["email"].dropna())
    personal = {
        "addresses": emails,
        "MD5s of addresses": {hashlib.md5(email.lower().encode()).hexdigest() for email in emails},
        "phones": set(contacts["phone"].dropna()),
        "logins": set(contacts["user_key"].dropna()),
        "names": {f"{first} {last}" for first, last in zip(contacts["first_name"], contacts["last_name"], strict=True)},
    }
    for what, values in personal.items():
        assert len(values) > 10, what
        found = [value for value in values if str(value).lower() in everything]
        assert not found, f"{len(found)} {what} in the lake, e.g. {found[0]}"


def test_no_secret_is_kept(everything: str) -> None:
    for secret in (HASH_KEY, "sandbox-hubspot-token", "sandbox-ga4-token", "sandbox-mailchimp-key-us1"):
        assert secret not in everything


def test_the_members_of_a_list_keep_their_domain_only_where_it_is_a_companys(everything: str) -> None:
    assert "gmail.com" not in everything
