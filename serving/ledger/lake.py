"""What the lake received between two publications about records: `happened(kind, id, cause)`, one row per thing that
changed. Days are told in `days`.

Kinds and ids are those of the unified model: contact, company, deal (`hubspot:1`), activity (`meeting:hubspot:1`),
contract (of a company), rate (currency and day). What a record was before and after is read from the lake's own rows,
on both sides of the position a publication notes in its manifest: the newest load the warehouse had seen of a source.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import duckdb

from ingestion.lake import LakePlace, let_read, table_glob
from ingestion.registry import LOAD_ID, SOURCES, Table, table
from serving import marts
from serving.ledger.days import NEVER, seen

# Records about another record, which stands in their first two key columns.
TOLD_OF = ("link", "history")
# Kinds of activities in the CRMs' tables, and in the unified model.
ACTIVITIES = {"meeting": "meeting", "demo": "meeting", "call": "call", "email": "email"}
# How a record is kept, not what it says.
BOOKKEEPING = {
    "updated_at",
    "created_at",
    "archived",
    "archived_at",
    "merged_ids",
    "merged_into",
    "read_at",
    LOAD_ID.name,
}


class Place(LakePlace, Protocol):
    """The lake, and which sources are on, in their order."""

    @property
    def sources(self) -> tuple[str, ...]: ...


def read(
    connection: duckdb.DuckDBPyConnection, settings: Place, before: Mapping[str, str], joined: Collection[str] = ()
) -> None:
    """Create `happened` from every source of the warehouse. Of one that was pulled for the first time since, everything
    is new; of one that was switched on since (`joined`), too, but for that reason.
    """
    let_read(connection, settings)
    connection.execute("create or replace table happened (kind varchar, id varchar, cause varchar)")
    connection.execute("create or replace table changed_rates (currency varchar, date_day date)")
    for name in seen(connection):
        since = before.get(name, NEVER)
        for each in SOURCES[name].tables.values():
            if each.kind == "record" and (each.entity or each.tells_of):
                _records(connection, settings, each, since, "'definition_change'" if name in joined else "cause")
        if name == "spreadsheets":
            _contracts(connection, settings, since)
            _rates(connection, settings, since)


def _rows(settings: LakePlace, each: Table) -> str:
    """Rows of the loads the warehouse has seen, with `load_number`, the load as a number."""
    glob = marts.text(table_glob(settings, each))
    return (
        f"(select *, _dlt_load_id::double as load_number from read_parquet({glob}, union_by_name = true)"  # noqa: S608
        f" where _dlt_load_id in (select load_id from warehouse.staging.stg_{each.source}__windows))"
    )


def _records(connection: duckdb.DuckDBPyConnection, settings: LakePlace, each: Table, since: str, cause: str) -> None:
    """Records whose newest row is newer than `since`: what became of each (SQL `cause`)."""
    names = {column.name for column in each.columns}
    key = ", ".join(each.key)
    said = [column.name for column in each.columns if column.name not in BOOKKEEPING and column.name not in each.key]
    order = f"row(load_number, {each.updated_column})" if each.updated_column else "load_number"
    edited = " or ".join(f"was.{name} is distinct from is_now.{name}" for name in said) or "false"
    archived = {"archived"} <= names
    merged = {"merged_ids"} <= names
    became = {"merged_into"} <= names  # told by the loser
    branches = [
        f"when was is null then '{'edit' if each.entity in TOLD_OF else 'late_data'}'",
        *(["when is_now.merged_into is not null and was.merged_into is null then 'merge'"] if became else []),
        *(["when is_now.archived and not coalesce(was.archived, false) then 'delete'"] if archived else []),
        *(["when was.archived and not coalesce(is_now.archived, false) then 'restore'"] if archived else []),
        *(["when was.merged_ids is distinct from is_now.merged_ids then 'merge'"] if merged else []),
        f"when {edited} then 'edit'",
    ]
    kind, id_ = _identity(each)
    other = "unnest(is_now.merged_ids)" if merged else "is_now.merged_into" if became else ""
    others = (
        f" union all select '{each.entity}', '{each.source}:' || {other}, {cause} from told where cause = 'merge'"  # noqa: S608
        if other
        else ""
    )
    connection.execute(
        f"""
        insert into happened
        with rows as {_rows(settings, each)},
        touched as (select distinct {key} from rows where load_number > $1::double),
        sides as (
            select
                arg_max(rows, {order}) filter (where load_number <= $1::double) as was,
                arg_max(rows, {order}) as is_now
            from rows semi join touched using ({key}) group by {key}
        ),
        told as (select *, case {" ".join(branches)} end as cause from sides)
        -- Of a record that speaks of another one now, both.
        select distinct {kind}, {id_}, {cause} from (select unnest([was, is_now]) as r, cause from told) as sides
        where r is not null and cause is not null{others}
        """,  # noqa: S608 - names of the registry
        [since],
    )


def _identity(each: Table) -> tuple[str, str]:
    """SQL of the kind and id a record speaks of, of its row `r`; links and histories speak of the record they belong
    to.
    """
    if each.tells_of:
        entity, column = f"'{each.tells_of[0]}'", each.tells_of[1]
    elif each.entity in TOLD_OF:
        entity, column = f"r.{each.key[0]}", each.key[1]
    else:
        entity, column = "r.kind" if each.entity == "activity" else f"'{each.entity}'", each.key[-1]
    words = " ".join(f"when '{word}' then '{known}'" for word, known in ACTIVITIES.items())
    activity = f"case {entity} {words} end"
    return (
        f"if({activity} is null, {entity}, 'activity')",
        f"coalesce({activity} || ':', '') || '{each.source}:' || r.{column}",
    )


def _whole(settings: LakePlace, each: Table, upto: str | None) -> str:
    """What a table of files people edit said: the rows of its newest load, up to a position."""
    bound = f" and load_id::double <= {float(upto)!r}" if upto else ""
    return (
        f"(select * from {_rows(settings, each)} where load_number = (select max(load_id::double)"  # noqa: S608
        f" from warehouse.staging.stg_{each.source}__windows where table_name = '{each.name}'{bound}))"
    )


def _contracts(connection: duckdb.DuckDBPyConnection, settings: Place, since: str) -> None:
    """Contracts that began, ended or were corrected, by company; as the models do, an id without a source is the first
    CRM's.
    """
    crm = next((name for name in settings.sources if SOURCES[name].kind == "crm"), "(none)")
    each = table("spreadsheets.subscriptions")
    ends, kept = "ended_on", ("file_name", "row_number", "subscription_id")
    edited = " or ".join(
        f"o.{column.name} is distinct from n.{column.name}"
        for column in each.columns
        if column.name not in (*kept, ends)
    )
    # A start or an end on a day nobody had reported yet is news, no correction.
    through = "(select through from horizon_old)"
    connection.execute(
        f"""
        insert into happened
        select distinct 'contract', if(contains(id, ':'), id, '{crm}:' || id), cause from (select
            unnest([o.customer_id, n.customer_id]) as id,
            case
                when o.subscription_id is null and n.started_on > {through} then 'period_open'
                when o.subscription_id is null then 'late_data'
                when n.subscription_id is null then 'delete'
                when {edited} then 'edit'
                when coalesce(o.{ends} > {through}, true) and coalesce(n.{ends} > {through}, true) then 'period_open'
                else 'edit'
            end as cause
        from {_whole(settings, each, since)} as o
        full join {_whole(settings, each, None)} as n on o.subscription_id = n.subscription_id
        where o.subscription_id is null or n.subscription_id is null or {edited} or o.{ends} is distinct from n.{ends}
        )
        """  # noqa: S608
    )


def _rates(connection: duckdb.DuckDBPyConnection, settings: LakePlace, since: str) -> None:
    each = table("spreadsheets.fx_rates")
    connection.execute(
        f"""
        create or replace table changed_rates as
        select upper(trim(coalesce(n.currency, o.currency))) as currency, coalesce(n.date, o.date) as date_day
        from {_whole(settings, each, since)} as o
        full join {_whole(settings, each, None)} as n on o.currency = n.currency and o.date = n.date
        where o.rate is not null and o.rate is distinct from n.rate
        """  # noqa: S608
    )
