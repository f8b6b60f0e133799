"""What a person is told when a run fails, and that two runs never write the warehouse at once."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import dagster as dg
import pytest

from orchestration import sensors
from orchestration.resources import LOCK_FILE, Warehouse


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
