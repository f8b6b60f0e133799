"""Learning checks of the gate raw: what a table holds is compared with what it usually held.

Flow: the table's profile (`profile.py`) → SQL of each check (`volume.py`, `freshness.py`, `content.py`) →
`<table>_findings`, made once before Great Expectations runs → the expectations here, which only look there. What is
usual is learnt, so a new source gets all of them from its registry entry.
"""

from collections.abc import Iterator

import duckdb

from expectations import content, freshness, profile, volume
from expectations.findings import ACCEPT_OR_LIMIT, expectations
from expectations.limits import limits
from expectations.model import Expectation
from ingestion.registry import Table

NOTHING = (
    "select '' as check_name, '' as severity, '' as column_name, null::date as day, '' as found, '' as usual,"
    " 0.0 as size where false"
)


def of_lake(table: Table) -> Iterator[Expectation]:
    """The learning checks that apply to a lake table, two expectations each: what stops and what only shows."""
    yield from volume.of_lake(table)
    yield from freshness.of_lake(table)
    mend = f"See what changed at {table.source}, mend it and run `kpilote refresh` again; {ACCEPT_OR_LIMIT}"
    if table.key == (table.day_column,):
        return  # one row a day: nothing a share or a percentile could be taken of
    if profile.nullable(table):
        reason = "Far more nulls than usual: what was known is missing."
        yield from expectations(table, "nulls", ("nulls_of_newest", "nulls_of_recent"), reason=reason, mend=mend)
    if profile.wordy(table):
        reason = "The column says other words than usual, or the usual ones in another mixture."
        yield from expectations(table, "words", ("words_of_newest", "words_of_recent"), reason=reason, mend=mend)
    if profile.numeric(table):
        reason = "Numbers of another size than usual: cents for euros, a currency, a unit."
        yield from expectations(table, "numbers", ("numbers_of_newest", "numbers_of_recent"), reason=reason, mend=mend)


def judge(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make the table's profile and `<table>_findings`; a table whose columns are not as declared has none of these."""
    findings_of = f'{table.source}."{table.name}_findings"'
    if not profile.as_declared(connection, table):
        connection.execute(f"create or replace table {findings_of} as {NOTHING}")
        return
    limit = limits(table.full_name)
    enough = profile.build(connection, table, limit)
    checks = {
        "volume": volume.findings if volume.applies(table) else None,
        "freshness": freshness.findings if freshness.applies(table) else None,
        "nulls": content.nulls if enough and profile.nullable(table) else None,
        "words": content.words if enough and profile.wordy(table) else None,
        "numbers": content.numbers if enough and profile.numeric(table) else None,
    }
    columns = "severity, column_name, day, found, usual, size"
    every = " union all ".join(
        f"select '{check}' as check_name, {columns} from ({findings(table, limit)})"  # noqa: S608
        for check, findings in checks.items()
        if findings is not None
    )
    connection.execute(f"create or replace table {findings_of} as {every or NOTHING}")
