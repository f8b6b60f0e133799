"""Days the lake received something about: `received(source, table_name, first_day, last_day)`.

Flow: windows of the loads since a publication → the days they speak for. That is enough where a row can only differ
because of a load. Where the rules were changed too, a load that brought the same rows again explains nothing: then, and
of files always, as every load reads them whole, only days count whose rows in the lake are not what they were.
Records are told one by one (`lake`); what a day explains is said in `origins` and `derived`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass

import duckdb

from ingestion.lake import LakePlace, table_glob
from ingestion.registry import SOURCES, Table, table
from ingestion.tables.spreadsheets import TOUCH_TYPES
from serving import marts

NEVER = "0"  # before every load


@dataclass(frozen=True)
class Listed:
    """Rows of a fact that come from files: its column of the day, the tables, and SQL of which rows `r` these are."""

    day: str
    tables: tuple[str, ...]
    which: str = "true"


FILES = {
    "fct_spend": Listed("date_day", ("ad_spend", "marketing_costs")),
    "fct_touchpoints": Listed("touched_date", ("touches",), f"r.touch_type in {TOUCH_TYPES}"),
}


def heard(day: str, of: str, *, after: int = 0, before: int = 0) -> str:
    """SQL: whether a load, of tables for which the SQL `of` holds, speaks for the day of a row `r`, or for one up to so
    many days after or before it.
    """
    return (
        f"exists (select 1 from received where {of}"  # noqa: S608 - our own columns
        f" and r.{day} between received.first_day - {after} and received.last_day + {before})"
    )


def of_kind(kind: str) -> str:
    """SQL condition of `received` for the sources of a kind."""
    names = ", ".join(f"'{source.name}'" for source in SOURCES.values() if source.kind == kind)
    return f"received.source in ({names})"


def of_files(fact: str) -> str:
    """SQL condition of `received` for the files that a fact's rows come from."""
    names = ", ".join(f"'{name}'" for name in FILES[fact].tables)
    return f"received.source = 'spreadsheets' and received.table_name in ({names})"


def seen(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Sources whose loads the warehouse has seen."""
    found = connection.execute(
        "select table_name from duckdb_columns() where database_name = 'warehouse' and schema_name = 'staging'"
    ).fetchall()
    return [name for name in SOURCES if (f"stg_{name}__windows",) in found]


def read(
    connection: duckdb.DuckDBPyConnection,
    settings: LakePlace,
    before: Mapping[str, str],
    facts: Set[str],
    *,
    joined: Collection[str],
    are_rules_changed: bool,
) -> None:
    """Create `received` from the loads newer than `before`, the positions of the last publication, and the facts that
    were compared. Of sources that were switched on since (`joined`) nothing: that is why all of theirs is new.
    """
    connection.execute(
        "create or replace table received (source varchar, table_name varchar, first_day date, last_day date)"
    )
    for name in seen(connection):
        since = before.get(name, NEVER)
        windows = f"from warehouse.staging.stg_{name}__windows where load_id::double > {float(since)!r}"
        if not SOURCES[name].is_api:
            for fact in FILES.keys() & facts:
                for each in FILES[fact].tables:
                    _differing(connection, settings, table(f"{name}.{each}"), since, _reported(fact))
        elif name in joined:
            continue
        elif are_rules_changed:
            # Tables that tell of nobody are sums to compare with.
            for one in filter(lambda each: each.identifiers, SOURCES[name].window_tables):
                days = (
                    "select distinct unnest(generate_series(window_start, window_end - 1, interval 1 day))::date as day"
                    f" {windows} and table_name = '{one.name}'"
                )
                _differing(connection, settings, one, since, days)
        else:
            connection.execute(
                f"insert into received select distinct '{name}', table_name, window_start, window_end - 1 {windows}"
            )


def _reported(fact: str) -> str:
    """Days, reported before, of a fact's rows of files that differ, and those beside them: a touch has an hour."""
    return f"""
        select distinct unnest([r.{FILES[fact].day} - 1, r.{FILES[fact].day}, r.{FILES[fact].day} + 1]) as day
        from (select unnest([old_row, new_row]) as r from diff_{fact})
        where r.{FILES[fact].day} <= (select through from horizon_old) and {FILES[fact].which}
    """  # noqa: S608 - our own columns


def _differing(connection: duckdb.DuckDBPyConnection, settings: LakePlace, each: Table, since: str, days: str) -> None:
    """Of some days (SQL, `day`) those for which the rows of a table differ between the newest load at `since` that
    speaks for the day and the newest of all.
    """
    connection.execute(
        f"""
        create or replace temp table owners as
        select day, max(load_id::double) filter (where load_id::double <= $1::double) as was,
            max(load_id::double) as is_now
        from ({days}) as days inner join warehouse.staging.stg_{each.source}__windows as covered
            on day >= window_start and day < window_end and table_name = '{each.name}'
        group by day having max(load_id::double) > $1::double
        """,  # noqa: S608 - names of the registry
        [since],
    )
    if not connection.execute("select 1 from owners limit 1").fetchone():
        return
    said = ", ".join(column.name for column in each.columns)
    connection.execute(
        f"""
        insert into received
        with rows as (
            select {each.day_column} as day, {said}, _dlt_load_id::double as load_number
            from read_parquet({marts.text(table_glob(settings, each))}, union_by_name = true)
            where _dlt_load_id::double in (select unnest([was, is_now]) from owners)
        ),
        old as (select rows.* exclude (load_number) from rows inner join owners using (day) where load_number = was),
        new as (select rows.* exclude (load_number) from rows inner join owners using (day) where load_number = is_now),
        differing as (
            select distinct day from ((from old except all from new) union all (from new except all from old))
        ),
        islands as (select day, day - row_number() over (order by day)::integer as island from differing)
        select '{each.source}', '{each.name}', min(day), max(day) from islands group by island
        """  # noqa: S608 - names of the registry
    )
