"""Several CRMs in the ledger: records that become one, and records of one table that speak of several things."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingestion.registry import SOURCES
from serving import marts, release
from serving.ledger import lake
from tests.dbt_project.warehouse import Warehouse

DAYS = [dt.datetime(2026, 3, day, 8, tzinfo=dt.UTC) for day in range(1, 12)]
FIRST, LAST = DAYS[0].date(), DAYS[-1].date()
GATES = [{"gate": "raw", "passed": True}]
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def of(day: int, **said: Any) -> dict[str, Any]:
    """A record of a day, as it stands."""
    return {"created_at": DAYS[day], "updated_at": DAYS[-1], "archived": False, "is_test": False, **said}


def deal(id_: str, day: int, **said: Any) -> dict[str, Any]:
    return of(day, deal_id=id_, amount=100, currency="EUR", **said)


PERSONS: dict[str, dict[str, Any]] = {
    "1": of(2, person_id="1", email_hash="old", email_hashes=["old"], lead_at=DAYS[2]),
    "2": of(3, person_id="2", email_hash="kept", email_hashes=["kept"], lead_at=DAYS[3]),
    "3": of(1, person_id="3", email_hash="lead", email_hashes=["lead"]),
}

# What is in the lake when the numbers are first reported, and what comes then: source → rows.
BEFORE: dict[str, Rows] = {
    "hubspot": {
        "contacts": [of(4, contact_id="1", email_hash="ann", lead_at=DAYS[4], country="DE")],
        "deals": [deal("1", 5, pipeline="p", stage="new")],
        "pipeline_stages": [of(0, pipeline_id="p", stage_id="new", label="New", is_closed=False, is_won=False)],
    },
    "pipedrive": {
        "persons": list(PERSONS.values()),
        "pipelines": [of(0, pipeline_id="1", label="Sales")],
        "stages": [of(0, stage_id="7", pipeline_id="1", label="New")],
    },
}
# Two CRMs know an address, Pipedrive merged two persons, and a deal was copied; then a lead came late. The only cause
# there is, and the KPI that moves with the cut and the day that show it.
LATER: tuple[tuple[Rows, str, set[tuple[str, str, dt.date]]], ...] = (
    (
        {
            "persons": [
                of(9, person_id="7", email_hash="ann", email_hashes=["ann"], country="FR", lead_at=DAYS[9]),
                {**PERSONS["1"], "archived": True},
                {**PERSONS["2"], "email_hashes": ["kept", "old"]},
            ],
            "users": [of(0, user_id="u", name="Uma")],
            "deals": [deal("9", 9, imported_id="1", pipeline_id="1", stage_id="7", status="open", owner_id="u")],
        },
        "merge",
        {
            ("leads_created", "country", DAYS[4].date()),
            ("leads_created", "total", DAYS[3].date()),
            ("new_opportunities", "owner", DAYS[5].date()),
        },
    ),
    (
        {"leads": [of(6, lead_id="l", person_id="3")]},
        "late_data",
        {("leads_created", "total", DAYS[6].date())},
    ),
)


def load(home: Warehouse, number: str, source: str, rows: Rows) -> None:
    """A load that covers every table of the source."""
    every = [each.name for each in SOURCES[source].tables.values()]
    home.load(number, source, rows, {each: [(FIRST, LAST)] for each in every})


def publish(home: Warehouse) -> str:
    home.dbt("build", "--exclude-resource-type", "test", "unit_test")
    return release.publish(home.settings, GATES).id


@pytest.mark.slow
def test_records_that_became_one_are_merges_and_late_ones_are_late(tmp_path: Path) -> None:
    home = Warehouse(tmp_path, ("pipedrive", "hubspot", "spreadsheets"))
    for source, rows in BEFORE.items():
        load(home, "1.0", source, rows)
    publish(home)
    for number, (rows, cause, expected) in enumerate(LATER, start=2):
        load(home, f"{number}.0", "pipedrive", rows)
        published = publish(home)
        with marts.memory() as connection:
            ledger = f"'{home.settings.ledger_dir}/{published}.parquet'"
            told = connection.execute(
                f"select kpi, dimension, period_start, cause from {ledger} where cadence = 'day'"
            ).fetchall()
        assert {each[3] for each in told} == {cause}
        assert expected <= {each[:3] for each in told}


CALL = of(3, owner_id="u", kind="call", activity_id="1", task_id="1")


@pytest.mark.parametrize(
    ("source", "table", "was", "is_now", "happened"),
    [
        ("pipedrive", "activities", None, CALL, {("call:pipedrive:1", "late_data")}),
        ("pipedrive", "activities", None, {**CALL, "kind": "email"}, {("email:pipedrive:1", "late_data")}),
        ("pipedrive", "activities", None, {**CALL, "kind": "demo"}, {("meeting:pipedrive:1", "late_data")}),
        ("pipedrive", "activities", CALL, {**CALL, "owner_id": "v"}, {("call:pipedrive:1", "edit")}),
        # Somebody chose another type: a call is gone, a meeting is there.
        (
            "pipedrive", "activities", CALL, {**CALL, "kind": "meeting"},
            {("call:pipedrive:1", "edit"), ("meeting:pipedrive:1", "edit")},
        ),
        ("pipedrive", "activities", CALL, {**CALL, "archived": True}, {("call:pipedrive:1", "delete")}),
        ("salesforce", "tasks", None, CALL, {("call:salesforce:1", "late_data")}),
        ("salesforce", "tasks", CALL, {**CALL, "archived": True}, {("call:salesforce:1", "delete")}),
        ("salesforce", "tasks", CALL, {**CALL, "owner_id": "v"}, {("call:salesforce:1", "edit")}),
    ],
)  # fmt: skip
def test_an_activity_is_told_as_what_it_is(
    tmp_path: Path,
    source: str,
    table: str,
    was: dict[str, Any] | None,
    is_now: dict[str, Any],
    happened: set[tuple[str, str]],
) -> None:
    home = Warehouse(tmp_path, (source, "spreadsheets"))
    load(home, "1.0", source, {table: [was] if was else []})
    load(home, "2.0", source, {table: [is_now]})
    home.dbt("run", "--select", f"stg_{source}__windows")
    with marts.memory() as connection:
        connection.execute(f"attach '{home.settings.warehouse_path}' as warehouse (read_only)")
        lake.read(connection, home.settings, {source: "1.0"})
        told = connection.execute("select kind, id, cause from happened").fetchall()
    assert set(told) == {("activity", *each) for each in happened}
