"""No person and no secret in any byte a home keeps, nor in any line people read."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import hashlib
import json
import sqlite3
import zlib
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion import settings
from ingestion.errors import SettingsError
from ingestion.registry import SOURCES
from orchestration.environment import variables
from orchestration.init import source_questions
from orchestration.storage import POSTGRES_VARIABLE
from sandbox.faults import Fault
from sandbox.server import env
from sandbox.world import World
from tests import traces
from tests.conftest import IS_NIGHTLY, SEED, START, UNTIL, Home, home_environment, refresh, serving
from tests.orchestration.test_cli import kpilote
from tests.stacks import STACKS

CANARY = "canary7f3a9e"
SECRETS = {
    "SOURCES__HUBSPOT__ACCESS_TOKEN": f"pat-{CANARY}-hubspot",
    "SOURCES__SALESFORCE__CLIENT_SECRET": f"{CANARY}-salesforce",
    "SOURCES__PIPEDRIVE__API_TOKEN": f"{CANARY}-pipedrive",
    "SOURCES__GA4__ACCESS_TOKEN": f"ya29.{CANARY}-ga4",
    "SOURCES__MATOMO__API_KEY": f"{CANARY}-matomo",
    "SOURCES__MAILCHIMP__API_KEY": f"{CANARY}mailchimp-us1",
    "SOURCES__BREVO__API_KEY": f"xkeysib-{CANARY}-brevo",
    "SOURCES__KLAVIYO__API_KEY": f"pk_{CANARY}-klaviyo",
    "KPILOTE_HASH_KEY": f"{CANARY}-hash-key",
}
# Secrets that stand in the place of another one.
OTHER_WAYS_IN = {"SOURCES__GA4__CREDENTIALS", "SOURCES__SALESFORCE__PRIVATE_KEY"}
API_SOURCES = tuple(name for name, source in SOURCES.items() if source.is_api)
EVERY_SOURCE = ",".join(SOURCES)
# What every session of the sandbox's Salesforce begins with.
SESSION = "00DKp0000000001EAA!"
ROOMS = {"lake", "warehouse.duckdb", "releases", "gx", "dagster", "dbt_target", "dlt", "logs"}
AT_ONCE = {
    f"SOURCES__{name.upper()}__{setting}": value
    for name in API_SOURCES
    for setting, value in (("MAX_ATTEMPTS", "1"), ("BACKOFF_SECONDS", "0"))
}  # fmt: skip


@pytest.fixture(scope="module")
def people(world: World) -> traces.People:
    return traces.People.of(world, UNTIL)


@pytest.fixture(scope="module")
def small_world() -> World:
    return World(seed=SEED, start=START, scale=0.05)


def secrets_of(home: Home) -> list[str]:
    """The home's key, and what opens the doors of the sandbox's vendors."""
    known = {**home.environment, **env("http://127.0.0.1", home.path)}
    return [known[name] for name in SECRETS]


def test_the_scanner_sees_into_every_kind_of_file(tmp_path: Path, people: traces.People) -> None:
    address = max(people.addresses)
    first, last = next(pair for pair in sorted(people.names) if "é" in pair[0])
    md5 = hashlib.md5(address.encode()).hexdigest()
    pq.write_table(pa.table({"a": [None, address], "b": [[], ["x", max(people.phones)]]}), tmp_path / "a.parquet")
    with duckdb.connect(str(tmp_path / "b.duckdb")) as db:
        db.execute("create table t as select $1 as a", [f"x{max(people.logins)}y"])
    with sqlite3.connect(tmp_path / "c.db") as lite:
        lite.execute("create table t (a text)")
        lite.execute("insert into t values (?)", [f"…{first} {last}…"])
    (tmp_path / "d.log").write_text(f"?email={address.upper().replace('@', '%40')}&a")
    (tmp_path / "e.gz").write_bytes(gzip.compress(f"id {md5}0".encode()))
    state = base64.b64encode(
        zlib.compress(json.dumps({"known": {address: "2026-01-01", "more": "x" * 90}}).encode(), 9)
    )
    (tmp_path / "f.jsonl").write_text(json.dumps({"state": state.decode()}))
    (tmp_path / "g.json").write_text(json.dumps({"name": f"{first.title()} {last.title()}"}))
    (tmp_path / "h.bin").write_bytes(b"\x00\xffx" + address.encode() + b"y\x01")
    (tmp_path / "i.txt").write_text(f"{first} and {last}, {md5[1:]}, {address.replace('@', ' at ')}")
    assert sorted(traces.people_in(tmp_path, people)) == [f"{name}" for name in (
        "a.parquet", "b.duckdb", "c.db", "d.log", "e.gz", "f.jsonl", "g.json", "h.bin"
    )]  # fmt: skip


@pytest.mark.slow
def test_no_person_in_any_byte_of_a_home(built_home: Home, people: traces.People) -> None:
    assert min(map(len, (people.addresses, people.logins, people.phones, people.names))) > 10
    looked = {path.parts[0] for path, _ in traces.texts(built_home.path)}
    assert looked >= ROOMS
    assert traces.people_in(built_home.path, people) == {}
    assert traces.people_in(built_home.path / "sandbox", people), "the vendors themselves know nobody?"


@pytest.mark.slow
def test_no_secret_in_any_byte_of_a_home(built_home: Home) -> None:
    assert traces.holding(built_home.path, secrets_of(built_home)) == {}


@pytest.mark.slow
@pytest.mark.skipif(not IS_NIGHTLY, reason="nightly: whole homes of their own")
@pytest.mark.parametrize("stack", ["salesforce", "pipedrive"])
def test_no_person_and_no_secret_in_any_byte_of_a_home_of_another_stack(
    tmp_path: Path, stack: str, small_world: World
) -> None:
    """What a connector lets in is tested for each vendor in tests/ingestion."""
    path, until = tmp_path / "home", START + dt.timedelta(days=40)
    home = Home(path, home_environment(path, STACKS[stack]), small_world, until=until)
    with serving(home) as served:
        assert served.server is not None
        refresh(served, "daily")
        # Whoever has its address has the file.
        exports = [each.token for each in served.server.sandbox.processes.all()]
    assert bool(exports) == ("brevo" in STACKS[stack])
    assert {each.parts[0] for each, _ in traces.texts(path)} >= ROOMS
    assert traces.people_in(path, traces.People.of(small_world, until)) == {}
    assert traces.holding(path, [*secrets_of(home), *exports, SESSION]) == {}


def test_every_secret_a_source_has_is_looked_for() -> None:
    known = {each.variable for name in SOURCES for each in source_questions(name) if each.is_secret}
    assert known | {"KPILOTE_HASH_KEY"} == {*SECRETS, *OTHER_WAYS_IN}


@pytest.mark.parametrize("kind", ["401", "malformed"])
def test_no_secret_in_what_a_refused_pull_leaves_or_says(tmp_path: Path, world: World, kind: str) -> None:
    path = tmp_path / "home"
    home = Home(path, home_environment(path, EVERY_SOURCE), world)
    with serving(home) as served:
        assert served.server is not None
        served.server.faults.add(Fault("/", kind, times=1_000))
        known = {**served.environment, **AT_ONCE, **SECRETS}
        doctor = kpilote(known, "doctor")
        pulled = kpilote(known, "refresh", "--cadence", "daily", "--from", "2025-01-01", "--to", "2025-01-01")
    assert doctor.exit_code == pulled.exit_code == 1
    assert {line.split()[1] for line in doctor.output.splitlines() if line.startswith("FAIL")} >= {
        f"{name}:" for name in API_SOURCES
    }
    assert pulled.output.splitlines()[-1].startswith("kpilote: daily refresh failed at pull")
    assert CANARY not in doctor.output + pulled.output
    assert (path / "logs" / "kpilote.log").exists()
    assert traces.holding(path, [CANARY]) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOURCES__MAILCHIMP__API_KEY", f"{CANARY} without a centre"),
        ("SOURCES__GA4__CREDENTIALS", f'{{"private_key": "{CANARY}"'),
        ("SOURCES__SALESFORCE__PRIVATE_KEY", f"-----BEGIN PRIVATE KEY-----\n{CANARY}"),
        *((f"SOURCES__{name.upper()}__BASE_URL", f"http://user:{CANARY}@127.0.0.1:1") for name in API_SOURCES),
    ],
)
def test_no_secret_in_what_a_wrong_setting_says(tmp_path: Path, name: str, value: str) -> None:
    empty = {
        **home_environment(tmp_path / "home", EVERY_SOURCE),
        **SECRETS,
        **AT_ONCE,
        "SOURCES__GA4__PROPERTY_ID": "1",
        "SOURCES__MATOMO__SITE_ID": "1",
        "SOURCES__SALESFORCE__CLIENT_ID": "1",
        "SOURCES__SALESFORCE__USERNAME": "ann",
        "SOURCES__SPREADSHEETS__URL": str(tmp_path),
        **{f"SOURCES__{each.upper()}__BASE_URL": "http://127.0.0.1:1" for each in API_SOURCES},
    }
    if name.endswith("CREDENTIALS"):
        empty.pop("SOURCES__GA4__ACCESS_TOKEN")
    done = kpilote({**empty, name: value}, "doctor")
    assert done.exit_code == 1
    assert CANARY not in done.output


@pytest.mark.parametrize("address", ["127.0.0.1:1/dagster", "127.0.0.1:x/dagster"])
def test_no_secret_in_what_a_wrong_storage_says(tmp_path: Path, address: str) -> None:
    environment = home_environment(tmp_path / "home")
    environment[POSTGRES_VARIABLE] = f"postgresql://dagster:{CANARY}@{address}"
    done = kpilote(environment, "refresh", "--cadence", "daily")
    assert done.exit_code == 1
    assert CANARY not in done.output + repr(done.exception)
    assert traces.holding(tmp_path / "home", [CANARY]) == {}


@pytest.mark.parametrize("name", ["KPILOTE_TARGET", "KPILOTE_TIMEZONE", "KPILOTE_START_DATE"])
def test_no_value_in_what_a_wrong_setting_of_ours_says(name: str) -> None:
    with variables({name: CANARY}), pytest.raises(SettingsError, match=name) as said:
        settings.reload()
    settings.settings.cache_clear()
    assert CANARY not in str(said.value)
