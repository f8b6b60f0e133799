"""Deals: those in the pipelines, those archived, those deleted from either in the last 30 days; then the changes and
the people of each deal that changed.

A changelog costs more than a page of a list, so a first pull of many deals may need more tokens than a day has: what
could not be read waits in the load's state, the next pull begins with it, and until then deal_changes covers no day.
"""

from collections.abc import Iterator
from functools import partial

from ingestion.errors import SourceError
from ingestion.http import Json
from ingestion.pacing import concurrently
from ingestion.sources.pipedrive import checks, rows
from ingestion.sources.pipedrive.api import ARCHIVED_TOKENS, DEAREST_TOKENS, LIST_TOKENS, Pipedrive
from ingestion.sources.pipedrive.fields import Fields
from ingestion.sources.pipedrive.records import Kind, Reading
from ingestion.sources.pipedrive.settings import PipedriveSettings
from ingestion.streams import Context, Rows, Stream, Window

PATHS = ("deals", "deals/archived")
DETAIL_TABLES = ("deal_changes", "deal_participants")
WAITING = "deals.waiting"
WORKERS = 4


def stream(context: Context, pipedrive: Pipedrive, settings: PipedriveSettings, fields: Fields) -> Stream:
    """Changed deals with what belongs to them; cursors move once all of it was read or set aside."""
    counted = {"include_fields": "participants_count"} if settings.participants else {}
    kind = Kind(
        "deals", "deal_id", partial(rows.deal, fields), {**fields.parameters, **counted}, made_by=fields.codes,
        paths=PATHS, tokens=LIST_TOKENS + ARCHIVED_TOKENS,
    )  # fmt: skip
    reading = Reading(context, settings, kind)
    changed: dict[str, Json] = {}
    for page in _pages(pipedrive, kind, reading):
        fresh = reading.fresh(page)
        yield Rows("deals", [kind.row(record) for record in fresh])
        changed |= {str(record["id"]): record for record in fresh if record.get("id") and not rows.is_deleted(record)}
    yield from reading.departed(pipedrive)
    known = [id_ for id_ in context.state.get(WAITING, ()) if id_ not in changed]
    waited = pipedrive.standing(PATHS, known, kind.parameters)
    waiting: list[str] = []
    yield from _details(pipedrive, settings, context, [*waited, *changed.values()], waiting)
    context.state[WAITING] = waiting
    reading.save()
    yield Window("deals", context.start, context.end)
    for table in DETAIL_TABLES:
        yield Window(table, context.start, context.start if waiting else context.end)


def _pages(pipedrive: Pipedrive, kind: Kind, reading: Reading) -> Iterator[list[Json]]:
    """Pages of both lists, then of those deleted from each: a deal archived meanwhile is met in the second one."""
    for path, is_shelved in zip(PATHS, (False, True), strict=True):
        belongs = partial(_is_shelved, is_shelved)
        yield from pipedrive.changed(path, reading.since, kind.parameters, belongs)
    for path in PATHS:
        deleted = {**kind.parameters, "status": rows.DELETED}
        yield from pipedrive.changed(path, reading.since, deleted, rows.is_deleted)


def _is_shelved(wanted: bool, deal: Json) -> bool:
    return checks.is_set(deal.get("is_archived")) is wanted


def _details(
    pipedrive: Pipedrive, settings: PipedriveSettings, context: Context, records: list[Json], waiting: list[str]
) -> Iterator[Rows]:
    """Changes and people of deals; ids of those for which the day has no tokens are added to `waiting`."""
    read = partial(_detail, pipedrive, settings)
    for record, detail in zip(records, concurrently(read, records, WORKERS), strict=True):
        if detail is None:
            waiting.append(str(record["id"]))
            continue
        changelog, people = detail
        yield Rows("deal_changes", list(rows.changes(record, changelog)))
        taking_part = {
            "from_type": "deal",
            "from_id": str(record["id"]),
            "person_ids": people,
            "read_at": context.pulled_at,
        }
        yield Rows("deal_participants", [taking_part])


def _detail(pipedrive: Pipedrive, settings: PipedriveSettings, deal: Json) -> tuple[list[Json], list[str]] | None:
    """The changes and the people of a deal, the primary one first; None where it must wait."""
    left = pipedrive.tokens_left
    if left is not None and left < settings.reserve_tokens + DEAREST_TOKENS:
        return None
    try:
        changelog = pipedrive.changelog(deal)
        primary = [] if deal.get("person_id") is None else [str(deal["person_id"])]
        has_more = settings.participants and (deal.get("participants_count") or 0) > len(primary)
        others = pipedrive.participants(deal) if has_more else []
    except SourceError:
        if not pipedrive.is_spent:
            raise
        return None
    return changelog, list(dict.fromkeys([*primary, *others]))
