"""The profile of a lake table: its days or loads, and of each what its columns hold, computed once for every check.

A window table is looked at day by day. A record table is looked at load by load, because rows of a load are alike in
age: a contact a year old has had time to become a customer, one of yesterday has not. Tables with few rows a day are
looked at in spans of seven. Span 0 ends with the newest day or load that has enough rows, so a rerun that brings
nothing new does not hide what was wrong.

Flow: what `sight.lake` shows → `<table>_days`, `<table>_spans` → `<table>_facts` (rows, nulls, percentiles of a column)
and `<table>_words` (how often which word), in the gate's own database. Does not belong here: what is unusual
(`learned.py`).
"""

from collections.abc import Collection

import duckdb

from expectations.limits import Limits
from expectations.sight import MASK, personal_columns
from ingestion.registry import LOAD_ID, SOURCES, Column, Table
from ingestion.tables.spreadsheets import FILE_COLUMNS

DUCKDB_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "double": "DOUBLE",
    "decimal": "DECIMAL(18,2)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "strings": "VARCHAR[]",
}
# Numbers that tell equal rows apart.
ORDINALS = ("event_ordinal", "ordinal")
# Where a row stood, which is nothing it says.
PLACES = frozenset({*ORDINALS, *(column.name for column in FILE_COLUMNS)})
PERCENTILES = (0.1, 0.5, 0.9)
LONGEST_WORD = 40
# Amounts and rates are compared by their logarithm in hundredths, counts in whole ones, so that zero has its place.
HUNDREDTHS = {"decimal": 100, "double": 100, "integer": 1}


def day_of(table: Table) -> str | None:
    """SQL of the day a row counts on: its day column, or the day its record was created; None where it has neither."""
    created = any(column.name == "created_at" for column in table.columns)
    return table.day_column or ("created_at::date" if created else None)


def nullable(table: Table) -> tuple[Column, ...]:
    """Columns that may be null, and whose share of nulls has a usual size."""
    return tuple(column for column in table.columns if column.nullable)


def wordy(table: Table) -> tuple[Column, ...]:
    """Columns that may be vocabularies; whether they are, their values say."""
    return tuple(
        column
        for column in table.columns
        if column.type in ("string", "boolean")
        and column.name not in {*personal_columns(), *PLACES, *_whole_key(table)}
    )


def numeric(table: Table) -> tuple[Column, ...]:
    """Columns that measure something: numbers that are neither an id nor part of the key."""
    return tuple(
        column
        for column in table.columns
        if column.type in HUNDREDTHS and column.name not in {*PLACES, *table.key} and not column.name.endswith("_id")
    )


def as_declared(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Whether the table's columns are there with their types; otherwise the gate stops anyway, and names them."""
    found = {name: kind for name, kind, *_ in connection.execute(f"describe {_named(table, 'seen')}").fetchall()}
    return all(found.get(column.name) == DUCKDB_TYPES[column.type] for column in table.columns)


def build(connection: duckdb.DuckDBPyConnection, table: Table, limits: Limits) -> bool:
    """Make the tables of the profile; false where too little history stands in the lake for what its columns hold."""
    _days(connection, table)
    _spans(connection, table, limits)
    query = f"select any_value(size), max(span) from {_named(table, 'spans')}"  # noqa: S608
    ((size, oldest),) = connection.execute(query).fetchall()
    if oldest is None or oldest < (limits.history.least_days if size == 1 else limits.history.least_weeks):
        return False
    _sample(connection, table, limits)
    _facts(connection, table)
    _words(connection, table, limits)
    return True


def _named(table: Table, part: str) -> str:
    return f'{table.source}."{table.name}_{part}"'


def _whole_key(table: Table) -> Collection[str]:
    """The key of a table with one column as key: a word there is an id."""
    return table.key if len(table.key) == 1 else ()


def _make(connection: duckdb.DuckDBPyConnection, table: Table, part: str, query: str) -> None:
    connection.execute(f"create or replace table {_named(table, part)} as {query}")


def _days(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """`_days`: rows of each day, none where the table has no day."""
    day = day_of(table)
    if day is None:
        query = "select null::date as day, 0::bigint as rows where false"
    else:
        query = f"select {day} as day, count(*) as rows from {_named(table, 'seen')} where {day} is not null group by 1"  # noqa: S608
    _make(connection, table, "days", query)


def _spans(connection: duckdb.DuckDBPyConnection, table: Table, limits: Limits) -> None:
    """`_spans`: each day or load (`slot`), its day, its span (0 is the newest) and how many slots make a span."""
    history = limits.history
    mine = f"from {table.source}._windows where table_name = '{table.name}'"
    if table.kind == "window":
        slots = f"""
            select day as slot, day, rows, day - date '1970-01-01' as number from {_named(table, "days")}
            where day <= (select least(max(window_end) - 1, max(pulled_at)::date) {mine})
        """  # noqa: S608
        standing = "rows"
    else:
        slots = f"""
            select slot, day, rows, standing, row_number() over (order by slot::double) as number
            from (select {LOAD_ID.name} as slot, count(*) as rows from {_named(table, "committed")} group by 1)
            inner join (
                select {LOAD_ID.name} as slot, max(least(window_end - 1, pulled_at::date)) as day {mine} group by 1
            ) using (slot)
            left join (
                select {LOAD_ID.name} as slot, count(*) as standing from {_named(table, "seen")} group by 1
            ) using (slot)
        """  # noqa: S608
        standing = "coalesce(standing, 0)"
    since = "" if history.since is None else f" and day >= date '{history.since}'"
    _make(
        connection,
        table,
        "spans",
        f"""
        with slots as ({slots}),
        recent as (
            select * from slots where day > (select max(day) from slots) - {7 * (history.weeks + 1)}{since}
        ),
        size as (select if(median(rows) >= {history.least_rows}, 1, 7) as size from recent),
        newest as (
            select max(number) as number from recent, size
            where {standing} >= if(size = 1, {history.least_rows}, 1)
        )
        select slot, day, size, ((newest.number - recent.number) // size)::bigint as span
        from recent, size, newest
        where recent.number <= newest.number and span < if(size = 1, {7 * history.weeks}, {history.weeks})
        """,  # noqa: S608
    )


def _sample(connection: duckdb.DuckDBPyConnection, table: Table, limits: Limits) -> None:
    """`_sample`: the rows of all spans, with the columns that are looked at.

    Of a record table the newest spans hold what stands of their loads, so that mended rows are forgotten; the others
    hold what their loads brought.
    """
    names = {column.name for column in (*nullable(table), *wordy(table), *numeric(table))}
    columns = "".join(f', rows."{name}"' for name in sorted(names))
    slot = table.day_column or LOAD_ID.name

    def spans(relation: str, which: str) -> str:
        return (
            f"select spans.span, spans.day as of_day{columns} from {_named(table, relation)} as rows"  # noqa: S608
            f" inner join {_named(table, 'spans')} as spans on rows.{slot} = spans.slot {which}"
        )

    if table.kind == "window":
        query = spans("seen", "")
    else:
        recent = f"{limits.history.recent_days} // spans.size"
        query = (
            f"{spans('seen', f'where span < greatest(1, {recent})')}"
            f" union all {spans('committed', f'where span >= greatest(1, {recent})')}"
        )
    _make(connection, table, "sample", query)


def _facts(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """`_facts`: per span and column the rows and those filled; of numbers those but zero, and their percentiles.

    Zero is left out because it says that there was nothing (no call, no bounce): a median that falls on and off a
    heap of zeros says nothing about size.
    """
    numbers = {column.name: column for column in numeric(table)}
    names = [column.name for column in nullable(table)]
    names += [name for name in numbers if name not in names]
    filled = ", ".join(f'count("{name}")' for name in names)
    measured = ", ".join(f'count(nullif("{name}", 0))' if name in numbers else "0" for name in names)
    levels = ", ".join(
        f"quantile_cont({scaled(numbers[name])}, {list(PERCENTILES)})" if name in numbers else "null::double[]"
        for name in names
    )
    _make(
        connection,
        table,
        "facts",
        f"""
        select
            span, max(of_day) as day, count(*) as rows,
            unnest([{", ".join(f"'{name}'" for name in names)}]::varchar[]) as column_name,
            unnest([{filled}]::bigint[]) as filled, unnest([{measured}]::bigint[]) as measured,
            unnest([{levels}]::double[][]) as levels
        from {_named(table, "sample")} group by span
        """,  # noqa: S608
    )


def scaled(column: Column) -> str:
    """SQL of a number on its logarithmic scale; `learned.py` turns it back."""
    value, parts = f'nullif("{column.name}", 0)::double', HUNDREDTHS[column.type]
    return f"sign({value}) * ln(1 + {parts} * abs({value}))"


def _words(connection: duckdb.DuckDBPyConnection, table: Table, limits: Limits) -> None:
    """`_words`: per span and column how often which word, of columns with few words; an address is never shown."""
    names = [column.name for column in wordy(table)]
    sample, most = _named(table, "sample"), limits.words.most_words
    if names:
        counts = ", ".join(f'approx_count_distinct("{name}")' for name in names)
        (found,) = connection.execute(f"select {counts} from {sample}").fetchall()  # noqa: S608
        # The count is a guess within some percent; the exact one is asked of the columns that may pass.
        names = [name for name, words in zip(names, found, strict=True) if words <= 1.3 * most]
    if not names:
        query = (
            "select 0::bigint as span, null::date as day, '' as column_name, '' as word, 0::bigint as rows where false"
        )
    else:
        texts = ", ".join(f'"{name}"::varchar as "{name}"' for name in names)
        columns = ", ".join(f'"{name}"' for name in names)
        query = f"""
            select * from (
                select
                    span, max(of_day) as day, column_name,
                    left(if(contains(word, '@'), '{MASK}' || left(sha256(word), 16), word), {LONGEST_WORD}) as word,
                    count(*) as rows
                from (select span, of_day, {texts} from {sample}) unpivot (word for column_name in ({columns}))
                group by span, column_name, 4
            ) qualify count(distinct word) over (partition by column_name) <= {most}
        """  # noqa: S608
    _make(connection, table, "words", query)


def is_api(table: Table) -> bool:
    return SOURCES[table.source].is_api
