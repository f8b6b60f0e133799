"""What a person is told when a run fails, and that two runs never write the warehouse at once."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from ingestion.settings import settings
from orchestration import partitions, sensors
from orchestration.assets import gates
from orchestration.assets.serving import serving_assets
from orchestration.resources import LOCK_FILE, Warehouse
from serving import release
from tests.serving import warehouse as served


@dg.op
def pull() -> None:
    raise dg.Failure(description="hubspot: the credentials were refused (401):\nset SOURCES__HUBSPOT__ACCESS_TOKEN")


@dg.job
def refresh() -> None:
    pull()


def test_a_failed_run_becomes_one_line_in_the_alerts_file(home: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        failed = refresh.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="alert_on_failure",
            dagster_instance=instance,
            dagster_run=failed.dagster_run,
            dagster_event=failed.get_run_failure_event(),
        ).for_run_failure()
        sensors.alert_sensor()(context)
    lines = (home / sensors.ALERTS_FILE).read_text().splitlines()
    assert len(lines) == 1
    alert = json.loads(lines[0])
    assert alert["step"] == "pull"
    assert alert["reason"] == "hubspot: the credentials were refused (401): set SOURCES__HUBSPOT__ACCESS_TOKEN"
    assert alert["line"].startswith("refresh [no partitions] failed at pull: hubspot: ")


def test_another_sender_is_one_function(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[sensors.Alert] = []
    monkeypatch.setattr(sensors, "SENDERS", [heard.append])
    with dg.DagsterInstance.ephemeral() as instance:
        failed = refresh.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="alert_on_failure",
            dagster_instance=instance,
            dagster_run=failed.dagster_run,
            dagster_event=failed.get_run_failure_event(),
        ).for_run_failure()
        sensors.alert_sensor()(context)
    assert [alert.job for alert in heard] == ["refresh"]
    assert not (home / sensors.ALERTS_FILE).exists()


def test_the_warehouse_has_one_writer(home: Path) -> None:
    @dg.op
    def write(warehouse: Warehouse) -> None:
        """Does nothing: holding the resource is the point."""

    @dg.job(resource_defs={"warehouse": Warehouse(wait_seconds=0.2)})
    def writing() -> None:
        write()

    home.mkdir(parents=True)
    assert writing.execute_in_process().success
    with (home / LOCK_FILE).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not writing.execute_in_process(raise_on_error=False).success
    assert writing.execute_in_process().success


def test_numbers_that_had_been_final_are_told_once_whenever_the_run_dies(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the run that published them, or else by the next; what a person rolls back is not told again."""
    now = settings()
    served.build(now.warehouse_path)
    monkeypatch.setattr(gates, "latest", lambda *_: served.GATES)
    publication = serving_assets([], [], partitions.cadences(now)["daily"])[0]

    def run() -> list[str]:
        """One run's publication; the reasons of all alerts since."""
        done = dg.materialize([publication], resources={"warehouse": Warehouse()}, raise_on_error=False)
        assert done.success == (not dead)
        path = home / sensors.ALERTS_FILE
        return [json.loads(line)["reason"] for line in path.read_text().splitlines()] if path.exists() else []

    def restate(value: int) -> None:
        with duckdb.connect(str(now.warehouse_path)) as db:
            db.execute(
                f"update marts.kpi_values set value = {value}"
                " where kpi = 'mrr' and cadence = 'month' and period_start = '2026-03-01'"
            )

    dead = False
    assert run() == []
    restate(7)
    assert release.publish(now, served.GATES).is_new  # and the process dies
    (first,) = run()
    assert first.startswith("1 KPI cell that had been final changed in 2")
    assert "mrr month 2026-03-01" in first
    assert run() == [first]
    release.rollback(now)
    assert run() == [first]

    restate(8)
    dead = True
    with monkeypatch.context() as patch:
        patch.setattr(sensors, "SENDERS", [lambda _alert: (_ for _ in ()).throw(RuntimeError("nobody there"))])
        assert run() == [first]
    dead = False
    told = run()
    assert len(told) == 2
    assert run() == told
