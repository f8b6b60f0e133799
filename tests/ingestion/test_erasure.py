"""A person in the lake: who it is, surrogates in their place, and a door that lets them in no more, over real HTTP."""

import datetime as dt
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given
from hypothesis import strategies as st

from ingestion import compaction, erasure, identifiers, identity, lake, suppression
from ingestion.errors import SettingsError
from ingestion.identity import Identity, IdentityError
from ingestion.people import TELLTALE
from ingestion.privacy import Hasher
from ingestion.registry import Table, bookkeeping, table, tables
from ingestion.settings import Settings, reload
from sandbox.server import Running
from sandbox.world import World
from tests import traces
from tests.dbt_project.warehouse import Warehouse
from tests.ingestion.conftest import API_SOURCES, END, HASH_KEY, START, environment
from tests.ingestion.lake_reader import latest, rows

HASHER = Hasher(HASH_KEY)
APIS = API_SOURCES
EARLIER, LATER = (dt.datetime(2026, month, 1, tzinfo=dt.UTC) for month in (6, 8))


def address_of(world: World) -> str:
    """Somebody with a login, a browser, mails and a deal."""
    company = world.snapshot(END)
    contacts, mailed = company.contacts, set(company.email_sends["email"])
    known = contacts[contacts["user_key"].notna() & contacts["ga_client_id"].notna() & contacts["email"].isin(mailed)]
    return str(known[known["contact_id"].isin(company.deal_contacts["contact_id"])]["email"].iloc[0])


@dataclass(frozen=True)
class Erased:
    settings: Settings
    address: str
    person: Identity
    drawn: dict[str, dict[str, str]]

    @property
    def identifiers(self) -> list[str]:
        return traces.spellings(self.person)


@pytest.fixture(scope="module")
def erased(
    pulled: Settings, company: Running, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Erased]:
    """The lake of one pull, without one person; the dlt folders went with them."""
    home = tmp_path_factory.mktemp("erased") / "home"
    shutil.copytree(pulled.home, home)
    with mock.patch.dict(os.environ, environment(company, home)):
        settings = reload()
        person = identity.resolve(settings, identity.from_address(address_of(world), HASHER))
        drawn = erasure.surrogates(person.nodes)
        suppression.write(settings, "e1", "2026-09-01", person.nodes)
        erasure.rewrite(settings, drawn, lambda _done, _of: None)
        yield Erased(settings, address_of(world), person, drawn)
    reload()


def test_a_persons_identifiers_are_the_companys(pulled: Settings, world: World) -> None:
    contacts = world.snapshot(END).contacts
    merged = contacts[contacts["merged_into"].notna()].iloc[:3]
    for _, loser in merged.iterrows():
        survivor = contacts.set_index("contact_id").loc[loser["merged_into"]]
        for start in (
            identity.from_address(loser["email"], HASHER),
            identity.from_id(f"hubspot:{survivor.name}", HASHER),
        ):
            # HubSpot serves the survivor only: what the loser alone had is not in the lake.
            found = identity.resolve(pulled, start | identity.from_id(f"hubspot:{loser['contact_id']}", HASHER))
            # Pipedrive serves the survivor too, with both addresses.
            assert _numbered(found) == {
                f"hubspot:{loser['contact_id']}", f"hubspot:{survivor.name}", f"pipedrive:{survivor.name}"
            }  # fmt: skip
            assert HASHER.email(survivor["email"]) in found.of("hash")
    for _, known in contacts[contacts["user_key"].notna() & contacts["merged_into"].isna()].iloc[:5].iterrows():
        by_address = identity.resolve(pulled, identity.from_address(f" {known['email'].upper()} ", HASHER))
        assert {HASHER.email(known["email"]), HASHER.identifier(known["user_key"])} <= by_address.of("hash")
        by_id = identity.resolve(pulled, identity.from_id(f"hubspot:{known['contact_id']}", HASHER))
        crms = ("hubspot", "pipedrive") if pd.isna(known["archived_at"]) else ("hubspot",)
        assert by_id.of("contact") == by_address.of("contact")
        assert _numbered(by_id) == {f"{crm}:{known['contact_id']}" for crm in crms}


def _numbered(person: Identity) -> set[str]:
    """A person's contacts in the CRMs that number them as the company does."""
    return {each for each in person.of("contact") if each.startswith(("hubspot:", "pipedrive:"))}


@pytest.mark.parametrize(
    ("guest", "stays"),
    [
        ({}, True),
        ({"created_at": EARLIER}, False),
        ({"created_at": EARLIER, "archived": True}, True),
        ({"created_at": EARLIER, "is_test": True}, True),
        # Logged in on it, never filled in a form there.
        ({"created_at": EARLIER, "ga_client_id": None, "user_key_hash": "login"}, False),
        ({"ga_client_id": None, "user_key_hash": "login"}, True),
    ],
)
def test_a_browser_two_people_used_is_whose_the_models_say(
    tmp_path: Path, guest: dict[str, object], stays: bool
) -> None:
    """Of two who count, it belongs to the one the CRM knew first."""
    lake_of = Warehouse(tmp_path)
    contact = {"archived": False, "is_test": False, "created_at": EARLIER + dt.timedelta(days=1), "ga_client_id": "b"}
    contacts = [{"contact_id": "host", **contact}, {"contact_id": "guest", **contact, "created_at": LATER, **guest}]
    event = {"event_date": LATER.date(), "client_id": "b", "user_id_hash": "login"}
    lake_of.load("1.5", "hubspot", {"contacts": contacts}, {"contacts": []})
    lake_of.load("1.5", "ga4", {"events": [event]}, {"events": []})
    found = identity.resolve(lake_of.settings, {("contact", "hubspot:host")})
    assert found.of("client") == ({"b"} if stays else frozenset())
    assert ("contact", "hubspot:guest") not in found.nodes


@pytest.mark.parametrize("text", ["12345", "spreadsheets:1", "nobody:1", "hubspot:", "hubspot"])
def test_an_id_says_which_source(text: str) -> None:
    with pytest.raises(IdentityError, match="<CRM>:<contact id>"):
        identity.from_id(text, HASHER)


def test_every_row_and_day_stays_and_only_the_person_changes(pulled: Settings, erased: Erased) -> None:
    for declared in tables():
        own_ids = f"{declared.source}:"
        names = {
            old.removeprefix(own_ids): new.removeprefix(own_ids)
            for known in erased.drawn.values()
            for old, new in known.items()
        }
        before, after = rows(pulled, declared), rows(erased.settings, declared)
        assert len(before) == len(after), declared.full_name
        texts = {*declared.free_text, *declared.urls}
        changed = 0
        for old, new in zip(before, after, strict=True):
            expected = {
                key: [names.get(one, one) for one in value] if isinstance(value, list) else value
                for key, value in old.items()
            }
            expected |= {each.column: names.get(str(old[each.column]), old[each.column])
                         for each in declared.identifiers if not isinstance(old[each.column], list)}  # fmt: skip
            assert {key: new[key] for key in new if key not in texts} == {
                key: expected[key] for key in new if key not in texts
            }
            changed += old != new
        own = [row for row in before if _leads_to(erased.person, declared, row, told=False)]
        named = [row for row in before if declared.free_text and _leads_to(erased.person, declared, row, told=True)]
        assert len(own) == erased.person.rows.get(declared.full_name, 0)
        assert changed == len(own) + sum(row not in own for row in named), declared.full_name


def _leads_to(person: Identity, declared: Table, row: dict[str, Any], *, told: bool) -> bool:
    """Whether a row holds one of the person's identifiers, or (told) one of the deals and meetings that name it."""
    for each in declared.identifiers:
        known = {identifiers.known_as(declared.source, each.kind, value) for value in _listed(row[each.column])}
        is_said = each.where is None or row[each.where[0]] == each.where[1]
        if (each.kind in TELLTALE) is told and is_said and known & person.of(each.kind):
            return True
    return False


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [] if value is None else [value]


def test_nothing_of_the_person_is_left_in_lake_or_cursors(pulled: Settings, erased: Erased) -> None:
    assert traces.holding(pulled.home, erased.identifiers)
    assert traces.holding(erased.settings.home, [*erased.identifiers, erased.address]) == {}


def test_files_older_than_a_column_forget_them_too(
    pulled: Settings, company: Running, erased: Erased, tmp_path: Path
) -> None:
    shutil.copytree(pulled.home, tmp_path / "home")
    with mock.patch.dict(os.environ, environment(company, tmp_path / "home")):
        settings = reload()
        for declared in tables():
            texts = {*declared.free_text, *declared.urls}
            for path in Path(lake.table_glob(settings, declared)).parent.glob("[0-9]*.parquet"):
                pq.write_table(pq.read_table(path).drop_columns(sorted(texts)), path)
        assert identity.resolve(settings, identity.from_address(erased.address, HASHER)) == erased.person
        erasure.rewrite(settings, erased.drawn, lambda _done, _of: None)
    reload()
    assert traces.holding(tmp_path / "home", erased.identifiers) == {}


def test_a_pull_after_the_state_was_lost_does_not_bring_them_back(
    erased: Erased, truth: dict[str, list[object]]
) -> None:
    shutil.rmtree(erased.settings.dlt_dir)
    for name in APIS:
        for state in Path(erased.settings.lake_url, name).glob("_dlt_pipeline_state/*.jsonl"):
            state.unlink()
        pulled = lake.pull(name, START, END, settings=erased.settings)
        assert sum(pulled.suppressed.values()) > 0, name
    assert traces.holding(erased.settings.home, erased.identifiers) == {}
    assert len(latest(erased.settings, table("hubspot.contacts"))) == len(truth["hubspot.contacts"])


def test_a_new_lake_that_shares_the_list_never_sees_them(
    erased: Erased, fresh: Settings, truth: dict[str, list[tuple[object, ...]]]
) -> None:
    shutil.copytree(Path(erased.settings.lake_url, suppression.FOLDER), Path(fresh.lake_url, suppression.FOLDER))
    for name in APIS:
        lake.pull(name, START, END, settings=fresh)
    assert traces.holding(fresh.home, [*erased.identifiers, erased.address]) == {}
    missing = Counter(
        {each: len(truth[each]) - len(latest(fresh, table(each))) for each in truth if each.split(".")[0] in APIS}
    )
    # Rows about something else that only point at the person stay, without the person.
    links = {each.full_name for each in tables() if not any(one.role == "subject" for one in each.identifiers)}
    links.add("hubspot.associations")
    subjects = {name: count for name, count in erased.person.rows.items() if name not in links}
    assert {name: count for name, count in missing.items() if count and name != "hubspot.associations"} == subjects
    for name in APIS:
        for row in rows(fresh, bookkeeping(name).received):
            kept = row["rows_accepted"] + row["rows_quarantined"] + row["rows_suppressed"]
            assert row["rows_received"] == kept
    # An overlap read again must not remember them in its cursors either.
    for name in APIS:
        lake.pull(name, START, END, settings=fresh)
    assert traces.holding(fresh.home, erased.identifiers) == {}


@pytest.mark.parametrize("killed_in", ["put", "draft", "exchange"])
def test_what_killed_writers_left_in_the_lake_is_erased_too(
    killed_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halves of files and drafts have names that no reader globs: a pull killed while it wrote one, a compaction before
    and after its journal.
    """
    home = Warehouse(tmp_path)
    day = EARLIER.date()
    known, kept = ({"contact_id": each, "email_hash": f"hash of {each}"} for each in ("gone", "kept"))
    for number in range(4):
        home.load(f"{number}.5", "hubspot", {"contacts": [known, kept]}, {"contacts": [(day, LATER.date())]})
    folder = Path(home.settings.lake_url, "hubspot", "contacts")

    class KilledError(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(*{
            "put": (os, "fsync"),
            "draft": (compaction.json, "dumps"),
            "exchange": (LocalFileSystem, "mv"),
        }[killed_in], die)  # fmt: skip
        if killed_in == "put":
            one = next(folder.glob("3.5*.parquet"))
            fsspec.filesystem("file").put_file(str(one), str(one.with_name("4.5.0.parquet")))
        compaction.compact(home.settings, "hubspot", kept_loads=1, least_files=2)
    assert [path.name for path in folder.glob(".*part")]

    drawn = erasure.surrogates({("hash", "hash of gone"), ("contact", "hubspot:gone")})
    erasure.rewrite(home.settings, drawn, lambda _done, _of: None)

    assert not list(folder.glob(".*part"))
    assert traces.holding(tmp_path, ["hash of gone"]) == {}
    assert len(rows(home.settings, table("hubspot.contacts"))) == 8


def test_a_compaction_clears_away_what_killed_writers_left(tmp_path: Path) -> None:
    home = Warehouse(tmp_path)
    left = Path(home.settings.lake_url, "hubspot", "contacts", ".0123456789abcdef.part")
    left.write_bytes(b"half of a file")
    compaction.compact(home.settings, "hubspot")
    assert not left.exists()


def test_another_key_cannot_read_the_list_and_says_so(erased: Erased) -> None:
    with (
        mock.patch.dict(os.environ, {"KPILOTE_HASH_KEY": "another key than before"}),
        pytest.raises(SettingsError, match="KPILOTE_HASH_KEY"),
    ):
        suppression.read(Settings())


def test_the_list_is_no_trace_itself(erased: Erased) -> None:
    (entry,) = Path(erased.settings.lake_url, suppression.FOLDER).glob("*.json")
    assert not [value for value in erased.identifiers if value in entry.read_text()]
    assert HASH_KEY not in entry.read_text()
    assert HASH_KEY not in repr(suppression.read(erased.settings))


def test_any_file_system_will_do() -> None:
    settings = Settings(lake_url="memory://erasure", hash_key=HASH_KEY)  # type: ignore[arg-type]
    suppression.write(settings, "e1", "2026-09-01", {("contact", "1")})
    suppression.write(settings, "e2", "2026-09-02", {("contact", "2")})
    known = suppression.read(settings)
    assert [known.knows("contact", value) for value in ("1", "2", "3")] == [True, True, False]
    assert not known.knows("deal", "1")
    fsspec.filesystem("memory").rm("/erasure", recursive=True)


IDS = st.sampled_from(["1", "2", "3", None])


@given(
    suppressed=st.sets(st.sampled_from(["1", "2"])),
    links=st.lists(
        st.tuples(
            st.sampled_from(["contact", "deal"]),
            IDS,
            st.sampled_from(["contact", "company"]),
            st.lists(IDS.filter(bool)),
        )
    ),
)
def test_the_door_lets_in_everybody_else_unchanged(
    suppressed: set[str], links: list[tuple[str, str | None, str, list[str]]]
) -> None:
    declared = table("hubspot.associations")
    given_rows = [dict(zip(("from_type", "from_id", "to_type", "to_ids"), link, strict=True)) for link in links]
    built = pa.Table.from_pylist([{**row, "read_at": None} for row in given_rows], schema=declared.arrow_schema())
    door = suppression.Suppression(
        "k", frozenset(suppression.fingerprint("k", "contact", f"hubspot:{each}") for each in suppressed)
    )
    kept, turned_away = door.sift(declared, built)
    expected = [
        {**row, "to_ids": [each for each in row["to_ids"] if row["to_type"] != "contact" or each not in suppressed]}  # type: ignore[union-attr]
        for row in given_rows
        if row["from_type"] != "contact" or row["from_id"] not in suppressed
    ]
    assert (
        [{key: row[key] for key in given_rows[0]} for row in kept.to_pylist()] == expected if given_rows else not kept
    )
    assert turned_away == len(given_rows) - len(expected)
    assert kept.schema.equals(built.schema)
