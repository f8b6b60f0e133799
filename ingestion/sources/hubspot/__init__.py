"""HubSpot: `/crm/objects/{version}/… → hubspot/{contacts, companies, deals, meetings, calls, emails, …}`.

Each object type is one stream: what changed since its cursor, its links and the history of its tracked properties
for the changed ids, then what was archived, then what is gone without a trace. A first pull lists everything, and so
does one after a property setting changed; others search. Cursors are HubSpot's own timestamps, never our clock's.
Belongs here: the order of calls. Requests are in `api.py`, names of properties in `objects.py`.
"""

import datetime as dt
from collections.abc import Iterator
from functools import partial
from typing import Any

from ingestion.cursor import Cursor
from ingestion.http import Json
from ingestion.pacing import batches
from ingestion.privacy import without_secrets
from ingestion.sources.hubspot import checks
from ingestion.sources.hubspot.api import HISTORY_BATCH, LINKS_BATCH, HubSpot, HubspotSettings
from ingestion.sources.hubspot.objects import ObjectType, converters, object_types, split_ids
from ingestion.standing import Departures, Standing
from ingestion.streams import Connector, Context, Rows, Stream, Window

REFERENCE_TABLES = ("owners", "pipeline_stages", "associations", "property_history")


def connect(context: Context) -> Connector:
    """The streams of one pull, after checking that every property it needs exists."""
    settings = HubspotSettings.load()
    hubspot = HubSpot(settings)
    types = object_types(settings)
    for kind in types:
        hubspot.check_properties(kind.name, kind.requested(), kind.configurable)
    streams = {kind.name: partial(_object_stream, context, hubspot, settings, kind) for kind in types}
    return Connector({**streams, "reference": partial(_reference, context, hubspot)}, converters(context.hasher))


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong: token, scopes, properties."""
    settings = HubspotSettings.load().for_check()
    hubspot = HubSpot(settings)
    for kind in object_types(settings):
        hubspot.check_properties(kind.name, kind.requested(), kind.configurable)
        hubspot.newest(kind.name, kind.updated)
    owners = sum(len(page) for page in hubspot.owners(archived=False))
    return f"{owners} owners and {len(hubspot.pipelines('deals'))} pipelines at {without_secrets(settings.base_url)}"


def _object_stream(context: Context, hubspot: HubSpot, settings: HubspotSettings, kind: ObjectType) -> Stream:
    """Changed records with their links and history, then archived ones; cursors move once all of it was read."""
    overlap = dt.timedelta(minutes=settings.lookback_minutes)
    forget = context.forget(kind.name)
    live = Cursor(context.state, f"{kind.name}.updated", overlap, forget, kind.made_by)
    departures = None
    if not live.is_first:
        departures = Departures(Standing(context.settings, context.source.tables[kind.name]), forget)
    waiting: list[str] = []
    for page in _changed(hubspot, kind, live):
        if departures is not None:
            departures.met(record.get("id") for record in page)
            departures.left(id_ for record in page for id_ in _merged(record))
        fresh = [record for record in page if live.is_new(record.get("id"), record["properties"].get(kind.updated))]
        yield Rows(kind.name, [kind.row(record) for record in fresh])
        waiting += [record["id"] for record in fresh if record.get("id")]
        if len(waiting) >= LINKS_BATCH:
            yield from _details(context, hubspot, kind, waiting)
            waiting = []
    yield from _details(context, hubspot, kind, waiting)
    archived = Cursor(context.state, f"{kind.name}.archived", overlap, forget, kind.made_by)
    for page in hubspot.listed(kind.name, kind.requested(), kind.updated, archived=True):
        fresh = [record for record in page if archived.is_new(record.get("id"), record.get("archivedAt"))]
        if departures is not None:
            departures.left(record.get("id") for record in page)
        yield Rows(kind.name, [kind.row(record) for record in fresh])
    if departures is not None:
        yield from _gone(context, hubspot, kind, departures)
    live.save()
    archived.save()
    yield Window(kind.name, context.start, context.end)


def _merged(record: Json) -> list[str]:
    """Records merged into this one: they are gone by another way."""
    return split_ids(record["properties"].get("hs_merged_object_ids") or "")


def _gone(context: Context, hubspot: HubSpot, kind: ObjectType, departures: Departures) -> Iterator[Rows]:
    """Tombstones of live records that are in no list any more."""

    def listed() -> Iterator[frozenset[str]]:
        for page in hubspot.listed(kind.name, [kind.updated], kind.updated, archived=False):
            yield checks.record_ids(page)

    tombstones = departures.tombstones(lambda: hubspot.newest(kind.name, kind.updated)[0], listed, context.pulled_at)
    if tombstones is not None:
        yield Rows(kind.name, tombstones, received=tombstones.num_rows)


def _changed(hubspot: HubSpot, kind: ObjectType, cursor: Cursor) -> Iterator[list[Json]]:
    """Pages of records changed since the cursor; of all records where there is none."""
    if cursor.since is not None:
        yield from hubspot.searched(kind.name, kind.requested(), kind.updated, cursor.since)
        return
    # What changes while the list is read is newer than this mark, and the next load searches from it.
    expected, newest = hubspot.newest(kind.name, kind.updated)
    cursor.cap = newest
    received = 0
    for page in hubspot.listed(kind.name, kind.requested(), kind.updated, archived=False):
        received += len(page)
        yield page
    if received < expected and received < hubspot.newest(kind.name, kind.updated)[0]:
        raise hubspot.api.error(
            f"the list of {kind.name} ended after {received} of {expected} records; nothing was loaded, run it again"
        )


def _details(context: Context, hubspot: HubSpot, kind: ObjectType, ids: list[str]) -> Iterator[Rows]:
    """Links and tracked property histories of changed records, in the largest batches HubSpot takes."""
    for to_type in kind.links:
        for batch in batches(ids, LINKS_BATCH):
            links = hubspot.links(kind.singular, to_type, batch)
            yield Rows("associations", [_link(context, kind, to_type, *each) for each in links.items()])
    if kind.history:
        for batch in batches(ids, HISTORY_BATCH):
            records = hubspot.histories(kind.name, batch, kind.history)
            yield Rows("property_history", [row for record in records for row in _history(kind, record)])


def _link(context: Context, kind: ObjectType, to_type: str, from_id: str, to_ids: list[str]) -> dict[str, Any]:
    return {
        "from_type": kind.singular,
        "from_id": from_id,
        "to_type": to_type,
        "to_ids": to_ids,
        "read_at": context.pulled_at,
    }


def _history(kind: ObjectType, record: Json) -> Iterator[dict[str, Any]]:
    for name, changes in record.get("propertiesWithHistory", {}).items():
        for change in changes:
            yield {
                "object_type": kind.singular,
                "object_id": record["id"],
                "property": name,
                "value": change.get("value"),
                "changed_at": change.get("timestamp"),
            }


def _reference(context: Context, hubspot: HubSpot) -> Stream:
    """Owners, leavers included, and the stages of the deal pipelines: small, read whole."""
    for archived in (False, True):
        for page in hubspot.owners(archived=archived):
            yield Rows("owners", [_owner(owner) for owner in page])
    for pipeline in hubspot.pipelines("deals"):
        yield Rows("pipeline_stages", [_stage(pipeline, stage) for stage in pipeline["stages"]])
    for table in REFERENCE_TABLES:
        yield Window(table, context.start, context.end)


def _owner(owner: Json) -> dict[str, Any]:
    teams = owner.get("teams") or []
    user_id = owner.get("userIdIncludingInactive") or owner.get("userId")
    return {
        "owner_id": owner["id"],
        "user_id": None if user_id is None else str(user_id),
        "first_name": owner.get("firstName"),
        "last_name": owner.get("lastName"),
        "team": next((team["name"] for team in sorted(teams, key=lambda team: not team.get("primary"))), None),
        "archived": owner["archived"],
        "created_at": owner.get("createdAt"),
        "updated_at": owner.get("updatedAt"),
    }


def _stage(pipeline: Json, stage: Json) -> dict[str, Any]:
    metadata = stage.get("metadata", {})
    probability = metadata.get("probability")
    # HubSpot closes a deal at probability 0 or 1; isClosed says so where it is present.
    closed = metadata.get("isClosed") or str(probability in {"0.0", "1.0", "0", "1"}).lower()
    return {
        "pipeline_id": pipeline["id"],
        "stage_id": stage["id"],
        "pipeline_label": pipeline.get("label"),
        "label": stage.get("label"),
        "display_order": stage.get("displayOrder"),
        "probability": probability,
        "is_closed": closed,
        "is_won": closed == "true" and probability in {"1.0", "1"},
        "archived": stage["archived"],
        "updated_at": stage.get("updatedAt"),
    }
