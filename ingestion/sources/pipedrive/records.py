"""How a kind of record is read: what changed since its cursor, or all of it, and then what is missing gets a tombstone.

A whole list costs tokens, so it is read where it costs few or was not read for some days (settings). Of it is taken
whatever the lake does not hold in that version, however long ago it changed: some lists cannot be asked for what
changed. What is missing from it is asked for by its id once more before it is taken for deleted.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ingestion.cursor import Cursor
from ingestion.http import Json
from ingestion.sources.pipedrive import rows
from ingestion.sources.pipedrive.api import LIST_TOKENS, PAGE, Pipedrive
from ingestion.sources.pipedrive.settings import PipedriveSettings
from ingestion.standing import Standing
from ingestion.streams import Context, Rows, Stream, Window

LEADS_TOKENS = 20 + 40


@dataclass(frozen=True)
class Kind:
    """One kind of record. name: lake table and path; made_by: the account's own fields its rows are made of, and other
    settings where they are not the default; paths: lists that can be asked for ids; tokens: cost of a page of all its
    lists.
    """

    name: str
    key: str
    row: Callable[[Json], rows.Row]
    parameters: Mapping[str, str] = field(default_factory=dict)
    made_by: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    tokens: int = LIST_TOKENS


class Reading:
    """One pull of a kind: what of it is new, and what it misses."""

    def __init__(self, context: Context, settings: PipedriveSettings, kind: Kind) -> None:
        self._context, self._kind = context, kind
        overlap, forget = dt.timedelta(minutes=settings.lookback_minutes), context.forget(kind.name)
        self._cursor = Cursor(context.state, f"{kind.name}.updated", overlap, forget, kind.made_by)
        table = context.source.tables[kind.name]
        self._standing = None if self._cursor.is_first else Standing(context.settings, table)
        begins_anew = self._cursor.since is None
        self.is_whole = self._standing is None or begins_anew or self._is_due(settings, len(self._standing.ids))
        self._held = {} if self._standing is None else _versions(self._standing)
        # Versions met in this pull; under None is a record whose id was lost.
        self._met: dict[str | None, rows.Version] = {}

    def _is_due(self, settings: PipedriveSettings, records: int) -> bool:
        if (records // PAGE + 1) * self._kind.tokens <= settings.reconcile_tokens:
            return True
        return self._context.is_due(f"{self._kind.name}.whole", settings.reconcile_days)

    @property
    def since(self) -> dt.datetime | None:
        """From when on records are asked for; None for all."""
        return None if self.is_whole else self._cursor.since

    def fresh(self, page: list[Json]) -> list[Json]:
        """The records of a page that the lake does not hold in this version."""
        return [record for record in page if self._is_fresh(record)]

    def _is_fresh(self, record: Json) -> bool:
        id_ = None if record.get("id") is None else str(record["id"])
        version = rows.version(record)
        if id_ is not None and self._met.get(id_) == version:
            return False  # another list told of it
        self._met[id_] = version
        is_new = self._cursor.is_new(id_, record.get("update_time"))
        if self._cursor.since is None:
            return is_new
        held = self._held.get(id_)
        if rows.is_deleted(record):
            return is_new or (self.is_whole and held is not None)
        # One that came back keeps its time of change.
        return held != version if self.is_whole else is_new or held is None

    def departed(self, pipedrive: Pipedrive) -> Iterator[Rows]:
        """What the lake holds and no list any more: tombstones, or the records where they are there after all."""
        # A record whose id was lost may be any of them: the gate raw is to see it, and nothing is taken for deleted.
        if self._standing is None or not self.is_whole or None in self._met:
            return
        missing = {each for each in self._standing.ids if each not in self._met}
        if missing and self._kind.paths:
            found = pipedrive.standing(self._kind.paths, sorted(missing), self._kind.parameters)
            if found:
                yield Rows(self._kind.name, [self._kind.row(record) for record in found])
            missing -= {str(record["id"]) for record in found}
        if missing:
            tombstones = self._standing.gone(missing, self._context.pulled_at)
            yield Rows(self._kind.name, tombstones, received=len(missing))

    def save(self) -> None:
        self._cursor.save()
        if self.is_whole:
            self._context.done(f"{self._kind.name}.whole")


def _versions(standing: Standing) -> dict[str | None, rows.Version]:
    changed, shelved = standing.column("updated_at"), standing.column("is_shelved")
    return {id_: (at, bool(shelved.get(id_))) for id_, at in changed.items()}


def stream(context: Context, pipedrive: Pipedrive, settings: PipedriveSettings, kind: Kind) -> Stream:
    """Records of one list of API v2."""
    reading = Reading(context, settings, kind)
    for page in pipedrive.changed(kind.name, reading.since, kind.parameters):
        yield Rows(kind.name, [kind.row(record) for record in reading.fresh(page)])
    yield from reading.departed(pipedrive)
    reading.save()
    yield Window(kind.name, context.start, context.end)


def leads(context: Context, pipedrive: Pipedrive, settings: PipedriveSettings) -> Stream:
    """Leads of the inbox, and those archived where all are read: that list cannot be asked for what changed."""
    kind = Kind("leads", "lead_id", rows.lead, tokens=LEADS_TOKENS)
    reading = Reading(context, settings, kind)
    for archived in (False, True) if reading.is_whole else (False,):
        fresh = reading.fresh(pipedrive.leads(reading.since, archived=archived))
        yield Rows(kind.name, [kind.row(record) for record in fresh])
    yield from reading.departed(pipedrive)
    reading.save()
    yield Window(kind.name, context.start, context.end)
