"""Corrupted sources through the real job: a gate stops everything downstream and readers keep the release they had."""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from orchestration import runs, sensors
from orchestration.definitions import build_defs
from orchestration.resources import LOCK_FILE, SINCE, Warehouse
from sandbox.corrupt import Corruption
from tests import traces
from tests.conftest import Home, attempt, refresh, serving

PULLS = {"hubspot", "ga4", "mailchimp", "spreadsheets"}
# What is spoilt: the table and column that the gate must name.
SPOILT = {
    Corruption("hubspot.deals", "negative_amount", rows=3): ("hubspot.deals", "amount"),
    Corruption("hubspot.deals", "duplicate_key"): ("hubspot.deals", "deal_id"),
    Corruption("ga4.events", "volume_drop"): ("ga4.events", "event_date"),
    Corruption("hubspot.contacts", "null_key", rows=5): ("hubspot.contacts", "contact_id"),
    Corruption("hubspot.deals", "unknown_currency"): ("hubspot.deals", "currency"),
}


def published(home: Path) -> dict[str, str]:
    """Every byte that readers see: the releases and the file BI tools open."""
    files = [*(path for path in (home / "releases").rglob("*") if path.is_file()), home / "kpilote.duckdb"]
    found = {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return {**found, "current": str((home / "releases" / "current").resolve())}


@pytest.mark.slow
def test_a_corrupted_source_is_stopped_before_any_model(home_copy: Home) -> None:
    """All at once: that each alone is enough stands in tests/expectations."""
    before = published(home_copy.path)
    tomorrow = home_copy.older(1)
    with serving(tomorrow, corrupt=SPOILT) as served:
        stopped = attempt(served, "daily", tomorrow.last_day, tomorrow.last_day)
    assert stopped.outcome.failure is not None
    step, reason = stopped.outcome.failure
    assert step == "gate_raw"
    assert set(stopped.steps) == {*PULLS, "gate_raw"}, "nothing downstream of the gate ran"
    assert re.search(
        r"ga4\.events .*volume_of_newest_day.* failed for 1 row.*contact_id_not_null.* failed for 5 rows", reason
    )
    (result,) = sorted((home_copy.path / "gx" / "results" / "raw").glob("*.json"))[-1:]
    found = {
        (table["table"], each["column"])
        for table in json.loads(result.read_text())["tables"]
        for each in table["expectations"]
        if not each["success"] and each["severity"] == "critical"
    }
    assert set(SPOILT.values()) <= found
    assert published(home_copy.path) == before
    people = traces.People.of(home_copy.world, tomorrow.until)
    assert traces.people_in(home_copy.path, people) == {}, "what the gate shows of rows names somebody"


@pytest.mark.slow
def test_what_a_gate_stopped_is_published_once_mended_and_not_before(home_copy: Home) -> None:
    before = published(home_copy.path)
    tomorrow = home_copy.older(1)
    with serving(tomorrow, corrupt=[Corruption("hubspot.deals", "negative_amount")]) as served:
        run_id = attempt(served, "daily", tomorrow.last_day, tomorrow.last_day).outcome.run_id
        weekly = attempt(served, "weekly").outcome
        assert weekly.failure is not None, "the weekly run may not publish over a gate that failed in the daily one"
        assert weekly.failure[0] == "serving__release"
        assert "hubspot.deals" in weekly.failure[1]
        assert published(home_copy.path) == before
        with home_copy.active(), runs.instance() as dagster:
            run = dagster.get_run_by_id(run_id)
            assert run is not None
            alert = sensors.describe(run, dagster)
        assert alert.step == "gate_raw"
        assert "hubspot.deals" in alert.line()
        assert "\n" not in alert.line()
        # Somebody mends the deal in the CRM: a later edit, as any other.
        assert served.server is not None
        served.server.faults.clear()
        refresh(served, "daily", first=tomorrow.last_day, last=tomorrow.last_day)
    after = published(home_copy.path)
    assert after["current"] != before["current"]
    manifest = json.loads((Path(after["current"]) / "manifest.json").read_text())
    assert manifest["data_through"] == tomorrow.last_day.isoformat()
    assert {gate["gate"]: gate["passed"] for gate in manifest["gates"]} == {"raw": True, "unified": True, "marts": True}


def test_every_expectation_shows_in_the_check_with_a_link_to_its_page(built_home: Home) -> None:
    with built_home.active(), runs.instance() as dagster:
        evaluations = [
            record.event_log_entry.get_dagster_event().asset_check_evaluation_data
            for run in dagster.get_runs()
            for record in dagster.get_records_for_run(
                run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
            ).records
        ]
    gates = [each for each in evaluations if each.check_name.startswith("gate_")]
    assert {each.check_name for each in gates} == {"gate_raw", "gate_unified", "gate_marts"}
    for each in gates:
        table = each.metadata["expectations"]
        assert isinstance(table, dg.TableMetadataValue)
        assert table.records
        page = each.metadata["data_docs"].value
        assert isinstance(page, str)
        assert Path(page.removeprefix("file://")).exists()


def test_a_release_needs_a_verdict_on_every_table(built_home: Home) -> None:
    from orchestration.assets import gates

    with built_home.active():
        definitions = build_defs()
        checks = list(definitions.asset_checks or [])
        with dg.DagsterInstance.ephemeral() as empty:
            evidence = gates.latest(empty, checks)
    assert {gate["gate"] for gate in evidence} == {"raw", "unified", "marts"}
    assert not any(gate["passed"] for gate in evidence)
    assert {entry["verdict"] for gate in evidence for entry in gate["tables"].values()} == {"never judged"}


def test_what_was_accepted_stands_in_the_check_and_in_the_evidence_of_a_release() -> None:
    from expectations.results import ExpectationResult, Finding, TableResult
    from orchestration.assets import gates

    key = dg.AssetKey(["ga4", "events"])
    finding = Finding("0123456789", "event_date 2025-04-08", 0.9, "40 rows, usual 380 to 420", True, "accepted by ada")
    failed = ExpectationResult(
        "volume_of_newest_day", "event_date", "warning", False, "1", 1, (), "accepted by ada", (finding,)
    )
    check = gates._check_result("raw", key, TableResult("ga4.events", (failed,)))
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)

    @dg.asset(key=key)
    def events() -> None: ...

    @dg.multi_asset_check(specs=[dg.AssetCheckSpec("gate_raw", asset=key, blocking=True)])
    def judge():  # type: ignore[no-untyped-def]
        yield check

    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.Definitions(assets=[events], asset_checks=[judge]).get_implicit_global_asset_job_def()
        assert job.execute_in_process(instance=instance).success
        (evidence,) = gates.latest(instance, [judge])
    assert evidence["passed"]
    assert evidence["tables"]["ga4.events"]["verdict"] == "warned"
    (accepted,) = evidence["tables"]["ga4.events"]["accepted"]
    assert json.loads(json.dumps(accepted)) == {
        "expectation": "volume_of_newest_day",
        "id": "0123456789",
        "found": "40 rows, usual 380 to 420",
        "accepted": "accepted by ada",
    }


def test_a_run_that_waits_unsays_nothing_and_one_it_lets_pass_is_heard(home: Path) -> None:
    """Dagster keeps checks in the order in which runs were asked for; what counts is who had the warehouse last."""
    from orchestration.assets import gates

    home.mkdir(parents=True)
    key = dg.AssetKey(["ga4", "events"])
    table = dg.TableMetadataValue([], gates.EXPECTATION_SCHEMA)
    answers: dict[str, bool] = {}
    while_pulling: dict[str, Callable[[], object]] = {}

    @dg.asset(key=key)
    def events(context, warehouse: Warehouse) -> None:  # type: ignore[no-untyped-def]
        while_pulling.get(context.run.run_id, lambda: None)()

    @dg.multi_asset_check(specs=[dg.AssetCheckSpec("gate_raw", asset=key, blocking=True)])
    def judge(context):  # type: ignore[no-untyped-def]
        yield dg.AssetCheckResult(
            check_name="gate_raw",
            asset_key=key,
            passed=answers.get(context.run.run_id, True),
            metadata={"expectations": table},
        )

    def die() -> None:
        raise dg.Failure(description="died before its gate")

    definitions = dg.Definitions(
        assets=[events],
        asset_checks=[judge],
        jobs=[dg.define_asset_job("all")],
        executor=dg.in_process_executor,
        resources={"warehouse": Warehouse(wait_seconds=0.2)},
    )
    job = definitions.resolve_job_def("all")
    with dg.DagsterInstance.ephemeral() as instance:

        def asked_for(tags: Mapping[str, str] | None = None) -> dg.DagsterRun:
            return instance.create_run_for_job(job_def=job, tags=tags)

        def run(asked: dg.DagsterRun) -> None:
            list(execute_run_iterator(InMemoryJob(job), asked, instance))

        def verdict() -> str:
            (evidence,) = gates.latest(instance, [judge])
            return str(evidence["tables"]["ga4.events"]["verdict"])

        # In the queue.
        first, waits = asked_for(), asked_for()
        assert verdict() == "never judged"
        run(first)
        assert verdict() == "passed"
        run(asked_for())
        assert verdict() == "passed"
        answers[waits.run_id] = False
        run(waits)
        assert verdict() == "failed"
        dies, overtakes = asked_for(), asked_for()
        run(overtakes)
        assert verdict() == "passed"
        while_pulling[dies.run_id] = die
        run(dies)
        assert verdict() == "not judged, its run stopped before"
        run(asked_for())
        assert verdict() == "passed"

        # Asked for at one moment: the first to be stored is the last to be planned, and the first to run.
        at_once: list[dg.DagsterRun] = []
        store = instance.run_storage.add_run

        def store_and_ask_again(asked: dg.DagsterRun) -> dg.DagsterRun:
            stored = store(asked)
            if not at_once:
                at_once.append(stored)
                at_once.append(asked_for())
            return stored

        with mock.patch.object(instance.run_storage, "add_run", side_effect=store_and_ask_again):
            asked_for()
        answers[at_once[1].run_id] = False
        run(at_once[0])
        run(at_once[1])
        assert verdict() == "failed"
        run(asked_for())
        assert verdict() == "passed"

        # For the lock: it began, and never touched anything.
        with (home / LOCK_FILE).open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            run(asked_for())
        assert verdict() == "passed"

        # Both waited for the lock, and the one that began first got it last.
        dies, late = asked_for(), asked_for()
        while_pulling[dies.run_id] = die
        run(dies)
        run(late)
        assert verdict() == "passed"
        now = dt.datetime.now(dt.UTC).isoformat()
        instance.add_run_tags(dies.run_id, {SINCE: f"{now} {dies.run_id}"})
        assert verdict() == "not judged, its run stopped before"
        run(asked_for())
        assert verdict() == "passed"

        # Asked for again: Dagster copies the tags of the run that had the warehouse.
        last = asked_for()
        run(last)
        had = instance.get_run_by_id(last.run_id)
        assert had is not None
        asked_for(had.tags)
        assert verdict() == "passed"

        dies = asked_for()
        while_pulling[dies.run_id] = die
        run(dies)
        instance.delete_run(dies.run_id)
        assert verdict() == "not judged, its run stopped before", "a deleted run touched what it touched"
