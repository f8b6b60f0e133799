"""No person and no secret in any byte a home keeps, nor in any line people read."""

from __future__ import annotations

import base64
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
from orchestration.environment import variables
from orchestration.storage import POSTGRES_VARIABLE
from sandbox.faults import Fault
from sandbox.world import World
from tests import traces
from tests.conftest import UNTIL, Home, home_environment, serving
from tests.orchestration.test_cli import kpilote

CANARY = "canary7f3a9e"
SECRETS = {
    "SOURCES__HUBSPOT__ACCESS_TOKEN": f"pat-{CANARY}-hubspot",
    "SOURCES__GA4__ACCESS_TOKEN": f"ya29.{CANARY}-ga4",
    "SOURCES__MAILCHIMP__API_KEY": f"{CANARY}mailchimp-us1",
    "KPILOTE_HASH_KEY": f"{CANARY}-hash-key",
}


@pytest.fixture(scope="module")
def people(world: World) -> traces.People:
    return traces.People.of(world, UNTIL)


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
    assert {"lake", "warehouse.duckdb", "releases", "gx", "dagster", "dbt_target", "dlt", "logs"} <= looked
    assert traces.people_in(built_home.path, people) == {}
    assert traces.people_in(built_home.path / "sandbox", people), "the vendors themselves know nobody?"


@pytest.mark.slow
def test_no_secret_in_any_byte_of_a_home(built_home: Home) -> None:
    secrets = [
        built_home.environment["KPILOTE_HASH_KEY"],
        *("sandbox-hubspot-token", "sandbox-ga4-token", "sandbox-mailchimp-key-us1"),
    ]
    assert traces.holding(built_home.path, secrets) == {}


@pytest.mark.parametrize("kind", ["401", "malformed"])
def test_no_secret_in_what_a_refused_pull_leaves_or_says(tmp_path: Path, world: World, kind: str) -> None:
    path = tmp_path / "home"
    home = Home(path, {**home_environment(path), **SECRETS, "SOURCES__HUBSPOT__MAX_ATTEMPTS": "1"}, world)
    with serving(home) as served:
        assert served.server is not None
        served.server.faults.add(Fault("/", kind, times=1_000))
        known = {**served.environment, **SECRETS}
        known |= {f"SOURCES__{name}__{key}": value for name in ("HUBSPOT", "GA4", "MAILCHIMP")
                  for key, value in (("MAX_ATTEMPTS", "1"), ("BACKOFF_SECONDS", "0"))}  # fmt: skip
        doctor = kpilote(known, "doctor")
        refresh = kpilote(known, "refresh", "--cadence", "daily", "--from", "2025-01-01", "--to", "2025-01-01")
    assert doctor.exit_code == refresh.exit_code == 1
    assert refresh.output.splitlines()[-1].startswith("kpilote: daily refresh failed at pull")
    assert CANARY not in doctor.output + refresh.output
    assert (path / "logs" / "kpilote.log").exists()
    assert traces.holding(path, [CANARY]) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOURCES__MAILCHIMP__API_KEY", f"{CANARY} without a centre"),
        ("SOURCES__GA4__CREDENTIALS", f'{{"private_key": "{CANARY}"'),
        ("SOURCES__HUBSPOT__BASE_URL", f"http://user:{CANARY}@127.0.0.1:1"),
    ],
)
def test_no_secret_in_what_a_wrong_setting_says(tmp_path: Path, name: str, value: str) -> None:
    empty = {
        **home_environment(tmp_path / "home"),
        **SECRETS,
        "SOURCES__GA4__PROPERTY_ID": "1",
        "SOURCES__SPREADSHEETS__URL": str(tmp_path),
        **{f"SOURCES__{each}__BASE_URL": "http://127.0.0.1:1" for each in ("HUBSPOT", "GA4", "MAILCHIMP")},
        **{f"SOURCES__{each}__MAX_ATTEMPTS": "1" for each in ("HUBSPOT", "GA4", "MAILCHIMP")},
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
