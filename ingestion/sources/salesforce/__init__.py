"""Salesforce: `/services/data/v{version}/{queryAll, jobs/query} → salesforce/{leads, contacts, accounts, …}`.

Each object is one stream: what changed since its cursor (all of it at first, and after a field setting changed),
deleted records included, then what is gone without a trace.
Few rows come by query, many by a Bulk job. Cursors are Salesforce's own timestamps (SystemModstamp; CreatedDate of a
history), never our clock's. Belongs here: the order of calls. Requests are in `api.py` and `bulk.py`, names of fields
in `objects.py`.
"""

import datetime as dt
from collections.abc import Iterator
from functools import partial

from ingestion.cursor import Cursor
from ingestion.http import Json
from ingestion.pacing import concurrently
from ingestion.privacy import without_secrets
from ingestion.sources.salesforce import bulk, checks
from ingestion.sources.salesforce.api import WORKERS, Salesforce, Schema
from ingestion.sources.salesforce.objects import ObjectType, converters, object_types
from ingestion.sources.salesforce.settings import SalesforceSettings
from ingestion.standing import Departures, Standing
from ingestion.streams import Connector, Context, Rows, Stream, Window

# Deals take their history with them, and are themselves missed.
NEVER_GONE = ("opportunity_history",)


def connect(context: Context) -> Connector:
    """One stream per object, after checking that the app's user may see every field it needs."""
    settings = SalesforceSettings.load()
    types = object_types(settings)
    salesforce = Salesforce(settings, types)
    schemas = salesforce.schemas(types)
    streams = {
        kind.table: partial(
            _object_stream, context, salesforce, settings, kind.within(schemas[kind.name]), schemas[kind.name]
        )
        for kind in types
    }
    return Connector(streams, converters(context.hasher))


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong: session, permissions, fields, Bulk jobs."""
    settings = SalesforceSettings.load().for_check()
    types = object_types(settings)
    salesforce = Salesforce(settings, types)
    schemas = salesforce.schemas(types)
    counted = concurrently(lambda kind: salesforce.count(kind, ""), types, WORKERS)
    rows = dict(zip((kind.table for kind in types), counted, strict=True))
    largest = max(types, key=lambda kind: rows[kind.table])
    if rows[largest.table] >= settings.bulk_rows:
        bulk.check(salesforce, largest)
    formulas = [
        f"{kind.name}.{field} ({setting})"
        for kind in types
        for field, setting in kind.settings.items()
        if schemas[kind.name][field].is_formula
    ]
    found = f"{rows['users']} users at {without_secrets(settings.base_url)}; {salesforce.usage()}"
    return f"{found}; {checks.formulas(formulas)}" if formulas else found


def _object_stream(
    context: Context, salesforce: Salesforce, settings: SalesforceSettings, kind: ObjectType, schema: Schema
) -> Stream:
    """Changed records, then tombstones; the cursor moves once all of it was read."""
    overlap = dt.timedelta(minutes=settings.lookback_minutes)
    forget = context.forget(kind.table)
    cursor = Cursor(context.state, f"{kind.table}.changed", overlap, forget, kind.made_by)
    departures = None
    if not cursor.is_first and kind.deletes and kind.table not in NEVER_GONE:
        departures = Departures(Standing(context.settings, context.source.tables[kind.table]), forget)
    # What changes while pages are read is newer than this mark, and the next load reads from it.
    cursor.cap = salesforce.newest(kind)
    for page in _changed(salesforce, settings, kind, schema, cursor.since):
        if departures is not None:
            departures.met(record.get("Id") for record in page if not record["IsDeleted"])
            departures.left(record.get("Id") for record in page if record["IsDeleted"])
        fresh = [record for record in page if cursor.is_new(record.get("Id"), record.get(kind.changed))]
        yield Rows(kind.table, [kind.row(record) for record in fresh])
    if departures is not None:
        yield from _gone(context, salesforce, kind, departures)
    cursor.save()
    yield Window(kind.table, context.start, context.end)


def _changed(
    salesforce: Salesforce, settings: SalesforceSettings, kind: ObjectType, schema: Schema, since: dt.datetime | None
) -> Iterator[list[Json]]:
    """Pages of records changed at or after the moment; of all records where there is none."""
    where = "" if since is None else f" WHERE {kind.changed} >= {_literal(since)}"
    if salesforce.count(kind, where) >= settings.bulk_rows:
        return bulk.pages(salesforce, settings, kind, schema, where)
    return salesforce.pages(kind, kind.fields, where)


def _literal(moment: dt.datetime) -> str:
    """An instant in SOQL, no later than the moment."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _gone(context: Context, salesforce: Salesforce, kind: ObjectType, departures: Departures) -> Iterator[Rows]:
    """Tombstones of records purged from the recycle bin, or deleted past it: the numbers of both sides tell of them."""
    where = " WHERE IsDeleted = false"

    def listed() -> Iterator[set[str]]:
        for page in salesforce.pages(kind, ["Id", kind.changed], where):
            yield checks.ids_of(page)

    tombstones = departures.tombstones(lambda: salesforce.count(kind, where), listed, context.pulled_at)
    if tombstones is not None:
        yield Rows(kind.table, tombstones, received=tombstones.num_rows)
