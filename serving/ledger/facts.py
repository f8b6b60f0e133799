"""Rows of facts that differ between two publications, and the changed cells they belong to.

Flow: `old_changed.<fact> × new_changed.<fact> → diff_<fact>(row_id, old_row, new_row)`, then, once the causes of these
rows are known (`origins`), `hits(cell_id, cause)`: a row counts for a cell when what it gives to it differs between old
and new.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import duckdb

from serving import marts

# A fact whose rows are typed by people in files has no key: equal keys are numbered in the order of the rest.
NUMBERED = frozenset({"fct_spend"})
UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Input:
    """One row of `kpi_inputs`: the rows of a fact a KPI counts. The SQL in it was compiled by our own macros."""

    kpi: str
    input_name: str
    fact: str
    fact_key: str
    day_column: str
    dimensions: str | None
    expression: str
    filter: str | None
    is_snapshot: bool
    window_start: str | None
    window_end: str | None
    cadence_column: str | None
    window_cadence: str | None

    @cached_property
    def cut_by(self) -> tuple[str, ...]:
        return tuple(self.dimensions.split(", ")) if self.dimensions else ()


def last_day_over(expression: str, last_day: str) -> str:
    """A window's bound, compiled as SQL over `last_day`, with SQL of another last day in its place."""
    return re.sub(r"\blast_day\b", f"({last_day})", expression)


def inputs(connection: duckdb.DuckDBPyConnection) -> list[Input]:
    """Every input of every KPI, as the marts about to be published define it."""
    columns = ", ".join(Input.__dataclass_fields__)
    rows = connection.execute(f"select {columns} from new.kpi_inputs order by kpi, input_name").fetchall()  # noqa: S608
    return [Input(*row) for row in rows]


def diff(connection: duckdb.DuckDBPyConnection, fact: str, key: str) -> None:
    """Create `diff_<fact>`: pairs of rows with one key that are not equal, or that only one side has."""
    old, new = (_columns(connection, f"{side}_changed", fact) for side in ("old", "new"))
    common = [column for column in new if column in old]
    keys = [column.strip() for column in key.split(",")]
    # KPIs are cut and filtered by what the new fact has; a column it was given since makes no row another one.
    packed = {
        "o": ", ".join(f"{name} := {f'o.{name}' if name in old else f'null::{kind}'}" for name, kind in new.items()),
        "n": ", ".join(f"{name} := n.{name}" for name in new),
    }
    rest = ", ".join(column for column in common if column not in keys) or "1"
    number = f"row_number() over (partition by {', '.join(keys)} order by {rest})" if fact in NUMBERED else "1"
    match = " and ".join(f"o.{column} is not distinct from n.{column}" for column in (*keys, "equal_number"))
    differs = " or ".join(f"o.{column} is distinct from n.{column}" for column in ("present", *common))
    sides = {
        side: f"(select true as present, {number} as equal_number, {', '.join(columns)} from {schema}.{fact})"  # noqa: S608
        for side, schema, columns in (("o", "old_changed", common), ("n", "new_changed", new))
    }
    connection.execute(
        f"""
        create or replace table diff_{fact} as
        select
            row_number() over () as row_id,
            case when o.present then struct_pack({packed["o"]}) end as old_row,
            case when n.present then struct_pack({packed["n"]}) end as new_row
        from {sides["o"]} as o full join {sides["n"]} as n on {match}
        where {differs}
        """  # noqa: S608 - names of our own marts
    )


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, fact: str) -> dict[str, str]:
    found = connection.execute(
        "select column_name, data_type from information_schema.columns where table_schema = ? and table_name = ?"
        " order by ordinal_position",
        [schema, fact],
    ).fetchall()
    return {marts.identifier(name): kind for name, kind in found}


def hit(connection: duckdb.DuckDBPyConnection, one: Input, cadences: Sequence[str]) -> None:
    """Add to `hits` the changed cells of this input's KPI that rows which differ count for, with the rows' causes."""
    where = f" where {one.filter}" if one.filter else ""
    cuts = ", ".join([f"{{'d': '{name}', 'v': {name}}}" for name in one.cut_by])
    extra = f", {one.cadence_column} as row_cadence" if one.cadence_column else ", null as row_cadence"
    sides = " union all ".join(
        f"""
        select row_id, '{side}' as side, {one.day_column} as day, ({one.expression}) as measure{extra},
            [{{'d': 'total', 'v': 'total'}}{", " + cuts if cuts else ""}] as cuts
        from (select row_id, unnest({side}_row) from diff_{one.fact} where {side}_row is not null){where}
        """  # noqa: S608 - SQL compiled by our own macros
        for side in ("old", "new")
    )
    through = "case side when 'old' then (select through from horizon_old) else (select through from horizon_new) end"
    last_day = f"least(cells.period_end, {through})"
    if one.window_start and one.window_end:
        first, last = (last_day_over(bound, last_day) for bound in (one.window_start, one.window_end))
        window = f"day between {first} and {last}"
    elif one.is_snapshot:
        window = f"day = {last_day}"
    else:
        window = "true"
    plain = not (one.window_start or one.is_snapshot)
    cadence = f"'{one.window_cadence}'" if one.window_cadence else "cells.cadence"
    row_cadence = f" and row_cadence = {cadence}" if one.cadence_column else ""
    joins = " union all ".join(
        f"""
        select cells.cell_id, points.cause
        from points inner join cells
            on cells.cadence = '{each}' and cells.dimension = points.dimension
            and cells.dimension_value = points.dimension_value
            {f"and cells.period_start = cast(date_trunc('{each}', points.day) as date)" if plain else ""}
        where {window}{row_cadence}
        """  # noqa: S608
        for each in cadences
    )
    connection.execute(
        f"""
        insert into hits
        with sides as ({sides}),
        effective as (
            select row_id from sides
            group by row_id having count(*) = 1 or count(distinct row(day, measure, cuts, row_cadence)) > 1
        ),
        points as (
            select distinct
                side, day, row_cadence,
                -- What belongs to days nobody had reported yet is news, whatever else is known of it.
                case
                    when side = 'new' and day > (select through from horizon_old) then 'period_open'
                    else coalesce(causes.cause, '{UNEXPLAINED}')
                end as cause,
                unnest(cuts).d as dimension, unnest(cuts).v as dimension_value
            from sides semi join effective using (row_id)
            left join row_causes_{one.fact} as causes using (row_id)
        ),
        cells as (select * from changed_cells where kpi = '{one.kpi}' and not is_first_report)
        select distinct cell_id, cause from ({joins})
        """  # noqa: S608
    )
