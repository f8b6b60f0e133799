"""Tables of which only the months that differ are written: they say what the model says, whatever they held."""

from collections.abc import Iterator, Sequence

import pytest

from orchestration import dbt
from tests.dbt_project.warehouse import Warehouse, changeable

MODEL, INPUT = "marts.fct_mrr_daily", "intermediate.int_mrr__months"
STATES, TOUCHES = "intermediate.month_states", "intermediate.int_touchpoints__unified"
Row = tuple[str, str, str]  # company_id, day, amount
JANUARY: Row = ("a", "2000-01-10", "10.00")
FEBRUARY: Row = ("b", "2000-02-10", "10.00")
MARCH: Row = ("c", "2000-03-01", "10.00")
# DuckDB gives these two texts one hash.
ALIKE = ("call:33330000005", "call:33830000002")
CHANGES: dict[str, tuple[list[Row], list[Row]]] = {
    "nothing": ([JANUARY, FEBRUARY], [FEBRUARY, JANUARY]),
    "another amount": ([JANUARY, FEBRUARY], [JANUARY, (*FEBRUARY[:2], "10.01")]),
    "a row more": ([JANUARY, FEBRUARY], [JANUARY, FEBRUARY, ("c", *FEBRUARY[1:])]),
    "the same row again": ([JANUARY, FEBRUARY], [JANUARY, FEBRUARY, FEBRUARY]),
    "a month more": ([JANUARY, FEBRUARY], [JANUARY, FEBRUARY, MARCH]),
    "a month less": ([JANUARY, FEBRUARY, MARCH], [JANUARY, MARCH]),
    "into another month": ([JANUARY, FEBRUARY], [JANUARY, ("b", "2000-01-31", "10.00")]),
    "rows exchange months": ([JANUARY, FEBRUARY], [("b", *JANUARY[1:]), ("a", *FEBRUARY[1:])]),
    "texts of one hash": ([(ALIKE[0], *MARCH[1:])], [(ALIKE[1], *MARCH[1:])]),
}


@pytest.fixture
def balances(built: Warehouse) -> Iterator[Warehouse]:
    """The empty warehouse; empty again afterwards."""
    yield built
    for table in (INPUT, MODEL, STATES):
        built.execute(f"delete from {table}")


def put(warehouse: Warehouse, rows: Sequence[Row], more: int = 0) -> None:
    """Let the model's input hold these rows, and so many of one January day, and run the model."""
    values = ", ".join(f"('{company}', date '{day}', {amount})" for company, day, amount in rows)
    warehouse.execute(f"delete from {INPUT}")
    for each in (
        f"values {values}" if rows else None,
        f"select number::varchar, date '{JANUARY[1]}', {JANUARY[2]} from range({more}) as numbers (number)",
    ):
        if each:
            warehouse.execute(f"""
                insert into {INPUT} (month, company_id, closing, first_day, last_day, country, segment)
                select date_trunc('month', day), company, amount, day, day, '(none)', '(none)'
                from ({each}) as said (company, day, amount)
            """)
    warehouse.dbt("run", "--select", "fct_mrr_daily")


def held(warehouse: Warehouse) -> list[Row]:
    return warehouse.rows(f"select company_id, date_day::varchar, mrr_reporting::varchar from {MODEL} order by all")


@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)
def test_the_table_says_what_the_model_says(balances: Warehouse, before: list[Row], after: list[Row]) -> None:
    put(balances, before)
    assert held(balances) == sorted(before)
    put(balances, after)
    assert held(balances) == sorted(after)


def test_a_month_that_says_what_it_said_is_not_written(balances: Warehouse) -> None:
    put(balances, [], many := 130_000)  # more than a row group of DuckDB
    blocks = f"""
        select distinct column_name, block_id from pragma_storage_info('{MODEL}')
        where row_group_id = 0 and persistent order by all
    """
    january = balances.rows(blocks)
    assert january
    put(balances, [FEBRUARY], many)
    assert balances.rows(blocks) == january
    put(balances, [FEBRUARY], many - 1)
    assert balances.rows(blocks) != january


@pytest.mark.parametrize("other", ["columns", "SQL or contract"])
def test_a_table_that_others_made_is_built_anew(balances: Warehouse, other: str) -> None:
    put(balances, [FEBRUARY])
    whole = f'select column_name, column_type, "null" from (describe {MODEL}) order by all'
    shape = balances.rows(whole)
    if other == "columns":
        balances.execute(f"alter table {MODEL} add column more integer")
    else:
        balances.execute(f"create or replace table {MODEL} as from {MODEL}")  # knows no constraint
        balances.execute(f"update {STATES} set made_by = 'what stood there before'")
    assert balances.rows(whole) != shape
    put(balances, [JANUARY])
    assert balances.rows(whole) == shape
    assert held(balances) == [JANUARY]


@pytest.fixture
def touches(built: Warehouse) -> Iterator[Warehouse]:
    """The empty warehouse; empty again afterwards."""
    yield built
    for table in (TOUCHES, "marts.fct_touchpoints", STATES):
        built.execute(f"delete from {table}")


def test_an_input_nothing_is_known_of_is_read(touches: Warehouse) -> None:
    """Its rows were written, and the run died before their months were; the model after it runs alone."""
    for number in (1, 2, 3):
        touches.execute(f"""
            insert into {TOUCHES} (touch_id, person_id, touched_at, touch_type, channel, campaign, touch_number)
            values ('{number}', 'p', timestamp '2026-0{number}-01', 'call', 'sales', '(none)', {number})
        """)
        touches.dbt("run", "--select", "fct_touchpoints")
        found = touches.rows("select touch_number from marts.fct_touchpoints order by all")
        assert found == [(each,) for each in range(1, number + 1)]
        assert touches.rows(f"select distinct table_name from {STATES}") == [("fct_touchpoints",)]


def test_a_model_says_what_it_reads(built: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    project = changeable(built.settings)
    project.nodes["model.kpilote.fct_touchpoints"].config.meta["made_of"] = {"fct_conversions": {}}
    monkeypatch.setattr(dbt, "parsed", lambda _: project)
    said = dbt.invoke(built.settings, ["run", "--select", "fct_touchpoints", "--log-level", "none"])
    assert "fct_touchpoints reads int_touchpoints__unified" in "".join(said)
