"""`kpilote erase` on a whole home: nothing leads to the person any more, and no number moves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import duckdb
import pytest
from click.testing import Result
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable

from ingestion import erasure as lake_side
from ingestion import identity, lake
from ingestion.identity import Identity
from ingestion.privacy import Hasher
from ingestion.registry import bookkeeping
from orchestration import dbt, erasure, runs
from orchestration.storage import POSTGRES_VARIABLE
from sandbox.world import World
from serving import files, release
from tests import traces
from tests.conftest import UNTIL, Home, attempt, home_environment, refresh, serving
from tests.ingestion.lake_reader import rows
from tests.orchestration.command import kpilote
from tests.orchestration.marts import PROCESSING_COLUMNS


@dataclass(frozen=True)
class Erased:
    """A home one person was erased from: how it was, who it was, what became of the identifiers, what was printed."""

    home: Home
    before: Path
    address: str
    person: Identity
    drawn: dict[str, dict[str, str]]
    said: Result

    @property
    def identifiers(self) -> list[str]:
        return traces.spellings(self.person)


def somebody(home: Home) -> str:
    """The address of somebody who logged in, visited with a known browser, was mailed to, and is in a deal."""
    company = home.world.snapshot(UNTIL)
    contacts, mailed = company.contacts, set(company.email_sends["email"])
    known = contacts[contacts["user_key"].notna() & contacts["ga_client_id"].notna() & contacts["merged_into"].isna()]
    in_deals = known["contact_id"].isin(company.deal_contacts["contact_id"])
    return str(known[known["email"].isin(mailed) & in_deals]["email"].iloc[0])


def command(home: Home, *arguments: str, typed: str = "") -> Result:
    return kpilote(home.environment, *arguments, typed=typed)


@pytest.fixture(scope="module")
def erased(built_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erased]:
    path = tmp_path_factory.mktemp("erased") / "home"
    shutil.copytree(built_home.path, path, symlinks=True)
    home = Home(path, home_environment(path), built_home.world)
    address = somebody(home)
    with home.active() as now:
        person = identity.resolve(now, identity.from_address(address, Hasher(now.require_hash_key())))
    drawn: dict[str, dict[str, str]] = {}

    def draw(nodes: Any) -> dict[str, dict[str, str]]:
        drawn.update(surrogates(nodes))
        return drawn

    surrogates = lake_side.surrogates
    with mock.patch.object(lake_side, "surrogates", side_effect=draw):
        said = command(home, "erase", "--email", "-", "--yes", typed=f"{address}\n")
    yield Erased(home, built_home.path, address, person, drawn, said)


def marts(warehouse: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every mart, sorted, without when it was computed, and without what tells whether it is due again.

    A fingerprint is of whole fact rows: with a surrogate in one, the period is computed again, to the same values.
    """
    aside = PROCESSING_COLUMNS | {"period_fingerprint"}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select table_name, list(column_name order by column_index) from duckdb_columns()"
            " where schema_name = 'marts' group by all"
        ).fetchall()
        return {
            table: sorted(
                connection.sql(
                    f"select {', '.join(name for name in names if name not in aside)} from marts.{table}"
                ).fetchall(),
                key=repr,
            )
            for table, names in tables
        }


def renamed(found: dict[str, list[tuple[Any, ...]]], drawn: dict[str, dict[str, str]]) -> dict[str, Any]:
    """The same rows as they must be after the erasure: plain replacement, by code of its own."""
    pairs = [(old, new) for known in drawn.values() for old, new in known.items()]

    def one(value: Any) -> Any:
        if isinstance(value, str):
            for old, new in pairs:
                value = value.replace(old, new)
        return value

    return {
        table: sorted((tuple(map(one, row)) for row in table_rows), key=repr) for table, table_rows in found.items()
    }


@pytest.mark.slow
def test_a_person_is_who_the_models_say(built_home: Home) -> None:
    with duckdb.connect(str(built_home.path / "warehouse.duckdb"), read_only=True) as warehouse:
        models = warehouse.sql(
            """
            select p.person_id,
                (select list(contact_id) from intermediate.int_persons__contacts as c where c.person_id = p.person_id),
                (select list(client_id) from intermediate.int_persons__clients as c where c.person_id = p.person_id),
                (select list(email_hash) from intermediate.int_persons__emails as e where e.person_id = p.person_id)
            from intermediate.int_persons__unified as p order by hash(p.person_id) limit 30
            """
        ).fetchall()
    with built_home.active() as now:
        for person_id, contacts, clients, emails in models:
            found = identity.resolve(now, {("contact", person_id)})
            assert found.of("contact") == set(contacts)
            assert found.of("client") == set(clients or ())
            assert found.of("hash") >= set(emails or ())
        assert sum(bool(clients) for _, _, clients, _ in models) > 5


@pytest.mark.slow
def test_it_says_how_much_there_was_and_shows_nobody(erased: Erased) -> None:
    assert erased.said.exit_code == 0, erased.said.output
    assert "hubspot.contacts" in erased.said.output
    assert "mailchimp.sends" in erased.said.output
    for shown in (erased.said.output, erased.home.path.joinpath("erasures.jsonl").read_text()):
        assert not [value for value in [erased.address, *erased.identifiers] if value in shown]
    (line,) = map(json.loads, erased.home.path.joinpath("erasures.jsonl").read_text().splitlines())
    assert line["status"] == "done"
    assert line["rows"] == erased.person.rows
    assert min(line["rows"].values()) > 0


@pytest.mark.slow
def test_no_byte_of_the_home_leads_to_the_person(erased: Erased) -> None:
    kinds = {kind for kind, _ in erased.person.nodes}
    assert {"hash", "contact", "client", "deal"} <= kinds, "choose somebody with more traces"
    assert traces.holding(erased.before / "releases", erased.identifiers)
    assert traces.holding(erased.home.path, erased.identifiers) == {}


@pytest.mark.slow
def test_marts_differ_only_in_the_identifiers(erased: Erased) -> None:
    before, after = marts(erased.before / "warehouse.duckdb"), marts(erased.home.path / "warehouse.duckdb")
    assert after == renamed(before, erased.drawn)
    changed = {table for table, found in before.items() if found != after[table]}
    assert {"dim_persons", "fct_sessions", "fct_email_sends", "fct_touchpoints", "fct_leads"} <= changed
    assert not {table for table in changed if table.startswith("kpi_")}


@pytest.mark.slow
def test_releases_keep_their_ids_and_numbers_and_verify(erased: Erased) -> None:
    with erased.home.active() as now:
        kept = release.list_releases(now)
        served = release.current(now)
        assert served is not None
        assert [each.id for each in kept] == [each.name for each in sorted((erased.before / "releases").glob("2*"))]
        assert all(release.verify(now, each.id) == [] for each in kept)
        assert release.verify(now) == []
        with served.connect() as connection:
            published = connection.sql("from kpi_values order by all").fetchall()
            people = connection.sql(
                "select count(*) from dim_persons where starts_with(person_id, 'hubspot:erased-')"
            ).fetchall()
    assert people == [(1,)]
    assert (
        published == duckdb.sql(f"from '{erased.before}/releases/current/kpi_values*.parquet' order by all").fetchall()
    )
    assert sorted(path.name for path in now.releases_dir.iterdir() if path.name.startswith(".")) == [".lock"]


@pytest.mark.slow
def test_building_from_the_erased_lake_gives_the_erased_marts(erased: Erased, tmp_path: Path) -> None:
    """Erasing and building may be done in either order."""
    path = tmp_path / "home"
    shutil.copytree(erased.home.path, path, symlinks=True)
    with Home(path, home_environment(path), erased.home.world).active() as now:
        done = dbt.build(now, ["--exclude-resource-type", "test"])
    assert not done.errors
    assert marts(path / "warehouse.duckdb") == marts(erased.home.path / "warehouse.duckdb")


@pytest.mark.slow
def test_the_person_stays_away_and_the_ledger_says_why(erased: Erased) -> None:
    tomorrow = erased.home.older(1)
    with serving(tomorrow) as served:
        refresh(served, "daily", first=tomorrow.last_day, last=tomorrow.last_day)
        with served.active() as now:
            accounts = [row for name in ("ga4", "mailchimp") for row in rows(now, bookkeeping(name).received)]
    assert sum(row["rows_suppressed"] or 0 for row in accounts) > 0, "nobody knocked: choose somebody more active"
    for row in accounts:
        judged = (row[f"rows_{what}"] or 0 for what in ("accepted", "quarantined", "suppressed"))
        assert row["rows_received"] == sum(judged)
    assert traces.holding(erased.home.path, erased.identifiers) == {}
    ledger = f"'{erased.home.path}/releases/current/kpi_ledger*.parquet'"
    told = duckdb.sql(f"select distinct kpi from {ledger} where contains(cause_parts, 'erasure')").fetchall()
    assert told, "the days read again lost the person's rows, and the ledger says nothing of it"


@pytest.mark.parametrize("storage", ["sqlite", "postgres"])
def test_rows_that_gates_showed_are_forgotten(storage: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """In Great Expectations' results and pages, and in Dagster's events: ids are masked there, and not to be told."""
    path = tmp_path / "home"
    home = Home(path, home_environment(path), World(seed=1))
    row = '{"contact_id": "1508900010", "email_hash": "#0123456789abcdef"}'
    for run, sample in (("run-bad", f"[{row}]"), ("run-good", "[]")):
        for name in ("results/raw", f"validations/raw/t/{run}", f"site/validations/raw/t/{run}"):
            path.joinpath("gx", name).mkdir(parents=True, exist_ok=True)
        result = '{"gate": "raw", "run_id": "%s", "judged_at": "2026", "passed": false, "tables": [{"table": "t",'
        result += ' "passed": false, "blocked": false, "docs_url": null, "expectations": [{"unexpected_sample": %s}]}]}'
        path.joinpath("gx", "results", "raw", f"{run}.json").write_text(result % (run, sample))
        path.joinpath("gx", "validations", "raw", "t", run, "v.json").write_text(sample)
    check = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(["hubspot", "contacts"]),
        check_name="gate_raw",
        passed=False,
        metadata={"unexpected_rows": dg.MetadataValue.md(f"```\n{row}\n```"), "other": dg.MetadataValue.md("stays")},
    )
    place = {POSTGRES_VARIABLE: request.getfixturevalue("postgres")} if storage == "postgres" else {}
    with home.active(**place) as now, runs.instance() as dagster:
        dagster.report_runless_asset_event(check)
        assert len(traces.holding(path, ["1508900010"])) >= (3 if storage == "sqlite" else 2)
        assert "1508900010" in events(dagster)
        erasure.forget_gates(now)
        erasure.forget_runs(now, dagster)
        (kept,) = dagster.event_log_storage.get_asset_check_execution_history(check.asset_check_key, limit=9)
        assert kept.event is not None
        metadata = kept.event.get_dagster_event().asset_check_evaluation_data.metadata
        assert "1508900010" not in events(dagster)
    assert metadata == {
        "unexpected_rows": dg.MetadataValue.md(erasure.REMOVED),
        "other": dg.MetadataValue.md("stays"),
    }
    assert traces.holding(path, ["1508900010", "0123456789abcdef"]) == {}
    assert [each.stem for each in path.joinpath("gx", "results", "raw").iterdir()] == ["run-good"]
    assert "run-bad" not in path.joinpath("gx", "site", "index.html").read_text()


def events(dagster: dg.DagsterInstance) -> str:
    """All that Dagster keeps of events that belong to no run, as text."""
    log: Any = dagster.event_log_storage
    tables = (SqlEventLogStorageTable, AssetCheckExecutionsTable)
    with log.index_connection() as connection:
        return "".join(str(tuple(row)) for table in tables for row in connection.execute(table.select()))


def test_wrong_usage_and_nobody_found(home_copy: Home) -> None:
    assert command(home_copy, "erase").exit_code == 2
    assert command(home_copy, "erase", "--email", "a@b.example", "--resume").exit_code == 2
    for arguments, words in (
        (("--email", "nobody@nowhere.example"), "nothing of this person"),
        (("--email", "nobody"), "no address"),
        (("--id", "12345"), "<CRM>:<contact id>"),
        (("--resume",), "nothing to resume"),
    ):
        said = command(home_copy, "erase", "--yes", *arguments)
        assert said.exit_code == 1
        assert words in said.output
        assert len(said.output.splitlines()) == 1
    refused = command(home_copy, "erase", "--email", somebody(home_copy), typed="n\n")
    assert refused.exit_code == 1
    assert not (home_copy.path / "erasures.jsonl").exists()
    assert not list((home_copy.path / "lake" / "_suppressed").glob("*"))


def test_nothing_runs_while_a_person_is_half_erased(home_copy: Home) -> None:
    (home_copy.path / "erasure.json").write_text("{}")
    tomorrow = home_copy.older(1)
    stopped = attempt(tomorrow, "daily", tomorrow.last_day, tomorrow.last_day).outcome
    assert stopped.failure is not None
    assert "kpilote erase --resume" in stopped.failure[1]
    with home_copy.active() as now, pytest.raises(lake_side.UnfinishedError):
        lake.pull("spreadsheets", home_copy.start, home_copy.until, settings=now)


def test_a_past_that_cannot_be_removed_leaves_the_erasure_to_be_resumed(tmp_path: Path) -> None:
    """A link in its place, as of a folder on another disk, is nothing that can be removed with all that is in it."""
    home = Home(tmp_path / "home", home_environment(tmp_path / "home"), World(seed=1))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with home.active() as now:
        now.home.mkdir(exist_ok=True)
        (now.home / "as_of").symlink_to(elsewhere)
        files.replace_with_text(
            json.dumps({"erasure": "e1", "started_at": "2026-03-01", "rows": {}, "surrogates": {}}), now.erasure_journal
        )
    refused = command(home, "erase", "--resume")
    assert refused.exit_code == 1
    assert "as_of cannot be removed" in refused.output
    assert len(refused.output.splitlines()) == 1
    assert now.erasure_journal.exists()
    assert not now.erasures_path.exists()
    (now.home / "as_of").unlink()
    assert "erased: e1" in command(home, "erase", "--resume").output
    assert now.erasures_path.exists()


def test_a_short_id_is_not_crossed_out_of_what_counts_and_a_parse_is_made_again(home_copy: Home) -> None:
    """Contact 52 of an old portal: 52 is also a number of weeks, in a log and in the project as it was parsed."""
    with home_copy.active() as now:
        (now.home / "alerts.jsonl").write_text('{"cells": 52}\n')
        log = now.home / "logs" / "kpilote.log"
        log.write_text("52 rows of 1508900010\n")
        assert any((now.dbt_target_dir / "definitions").iterdir())
        erasure.forget_logs(now, {"contact": {"52": "a", "1508900010": "b"}})
        assert (now.home / "alerts.jsonl").read_text() == '{"cells": 52}\n'
        assert log.read_text() == "52 rows of ##########\n"
        assert not now.dbt_target_dir.exists()
