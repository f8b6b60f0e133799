"""Tables that are replaced in place: what stood there stays until the new one is whole, whatever it was."""

from collections.abc import Iterator

import pytest

from orchestration import dbt
from tests.dbt_project.warehouse import Warehouse

MODEL, INPUT = "marts.fct_activities", "intermediate.int_activities__unified"
RUN = ("run", "--select", "fct_activities")


@pytest.fixture
def activities(built: Warehouse) -> Iterator[Warehouse]:
    """The empty warehouse with one activity; empty again afterwards."""
    _put(built, "first", "owner")
    built.dbt(*RUN)
    yield built
    for table in (INPUT, MODEL):
        built.execute(f"delete from {table}")


def _put(warehouse: Warehouse, activity: str, owner: str | None) -> None:
    said = {
        "activity_id": activity,
        "kind": "call",
        "is_demo": False,
        "owner": owner,
        "country": "FR",
        "segment": "smb",
        "booked_at": "2026-01-02",
        "booked_date": "2026-01-02",
        "outcome": "held",
    }
    values = ", ".join("null" if value is None else f"'{value}'" for value in said.values())
    warehouse.execute(f"insert into {INPUT} ({', '.join(said)}) values ({values})")


def _held(warehouse: Warehouse) -> list[str]:
    return [activity for (activity,) in warehouse.rows(f"select activity_id from {MODEL} order by 1")]


def test_a_run_that_fails_leaves_the_table_as_it_was(activities: Warehouse) -> None:
    _put(activities, "second", None)
    said = dbt.invoke(activities.settings, [*RUN, "--log-level", "none"])
    assert "NOT NULL constraint failed" in "".join(said)
    assert _held(activities) == ["first"]
    activities.execute(f"update {INPUT} set owner = 'owner'")
    activities.dbt(*RUN)
    assert _held(activities) == ["first", "second"]


def test_a_view_of_the_name_gives_way(activities: Warehouse) -> None:
    activities.execute(f"drop table {MODEL}; create view {MODEL} as select 'view' as activity_id")
    activities.dbt(*RUN)
    assert _held(activities) == ["first"]


def test_a_seed_as_an_older_version_had_it_gives_way(built: Warehouse) -> None:
    built.execute("alter table seeds.channel_rules drop column click_id_pattern")
    built.dbt("seed", "--select", "channel_rules")
    assert built.rows("select count(click_id_pattern) > 0 from seeds.channel_rules") == [(True,)]
