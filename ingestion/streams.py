"""What connectors and the pipeline say to each other: a connector offers streams, a stream yields rows and windows.

Belongs here: these words. Does not: how a stream becomes a load (`pipeline.py`).
"""

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dlt
import pyarrow as pa

from ingestion.identifiers import known_as
from ingestion.privacy import Hasher
from ingestion.registry import Source
from ingestion.rows import ByColumn, ByRow, Convert, Refusal
from ingestion.settings import Settings
from ingestion.suppression import Suppression

WEEK = 7  # days
ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Rows:
    """Rows of one table as a stream yields them: as the vendor sent them, by row or by column, or an Arrow table
    already of the declared schema.
    """

    table: str
    rows: ByRow | ByColumn | pa.Table
    # Arrow only: rows the connector itself had to refuse, `index` counting among the rows received with this batch, and
    # how many it received, counted before it refused any.
    refused: Sequence[Refusal] = ()
    received: int = 0


@dataclass(frozen=True)
class Window:
    """Days a stream covered whole for a table, end exclusive."""

    table: str
    start: dt.date
    end: dt.date


Stream = Iterator[Rows | Window]


@dataclass(frozen=True)
class Context:
    """What a connector gets: its window, its cursors (kept with the load) and the hasher."""

    source: Source
    start: dt.date
    end: dt.date
    pulled_at: dt.datetime
    hasher: Hasher
    settings: Settings
    # Whose rows the door turns away: cursors must not remember them either (`forget`).
    suppression: Suppression = field(default_factory=Suppression)
    # Where what the lake holds of the tables of days ends, the end exclusive; those never pulled are missing.
    ends: Mapping[str, dt.date] = field(default_factory=dict)

    @property
    def state(self) -> dict[str, Any]:
        """Cursors, committed with the load; to be read and changed while a stream runs, not before."""
        state: dict[str, Any] = dlt.current.source_state(self.source.name)
        return state

    def is_due(self, duty: str, days: int = WEEK) -> bool:
        """Whether what is dear is to be done: no pull did it that ended less than so many days before this one's end.
        A first pull has nothing to do again; one of older days neither does it nor puts it off.
        """
        return self.end >= self._done(duty) + days * ONE_DAY

    def done(self, duty: str) -> None:
        """It was done, which counts once the load is committed."""
        self.state["done"][duty] = max(self.end, self._done(duty)).isoformat()

    def _done(self, duty: str) -> dt.date:
        return dt.date.fromisoformat(self.state.setdefault("done", {}).setdefault(duty, self.end.isoformat()))

    def reaching_back(self, tables: Iterable[str], days: int) -> dt.date:
        """Start of the window of tables of days, moved back over days the vendor may still change: so many before its
        end, but not before KPILOTE_START_DATE.

        Pulls that were missed are made up for: it is so many days before the end the first of them would have had.
        """
        ends = [self.end, *(self.ends[table] + ONE_DAY for table in tables if table in self.ends)]
        return min(self.start, max(min(ends) - max(days, 1) * ONE_DAY, self.settings.start_date))

    def reaching_back_weekly(self, duty: str, tables: Iterable[str], days: int, weekly_days: int) -> dt.date:
        """The same, and further once a week."""
        if not self.is_due(duty):
            return self.reaching_back(tables, days)
        self.done(duty)
        return self.reaching_back(tables, max(days, weekly_days))

    def missed(self) -> Iterator[str]:
        """What this pull makes up for, in words."""
        for end in sorted({each for each in self.ends.values() if each < self.start}):
            named = ", ".join(name for name in self.source.tables if self.ends.get(name) == end)
            first = max(end, self.settings.start_date)
            yield f"{named} from {first} on, as no load covers the days before {self.start}"

    def forget(self, table: str) -> Callable[[str], bool]:
        """Whether an id of a table, as the lake would hold it, is an erased person's."""
        declared = self.source.tables[table]
        kinds = (one.kind for one in declared.identifiers if one.role == "subject" and one.column in declared.key)
        kind = next(kinds, None)
        if kind is None:
            return lambda _id: False
        return lambda id_: self.suppression.knows(kind, known_as(self.source.name, kind, id_))


@dataclass(frozen=True)
class Connector:
    """What `sources/<source>.py` offers as `connect(context)`: named streams, run side by side, and column
    converters.
    """

    streams: Mapping[str, Callable[[], Stream]]
    convert: Mapping[str, Mapping[str, Convert]] = field(default_factory=dict)


@dataclass
class Tally:
    """Rows accepted, quarantined and turned away as an erased person's so far, over all streams: they run side by
    side, and some share a table.
    """

    accepted: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def judged(self, table: str) -> int:
        return self.accepted[table] + self.quarantined[table] + self.suppressed[table]

    def add(self, table: str, accepted: int, quarantined: int, suppressed: int) -> int:
        """Count a batch; returns how many rows of the table had been judged before it."""
        with self._lock:
            before = self.judged(table)
            self.accepted[table] += accepted
            self.quarantined[table] += quarantined
            self.suppressed[table] += suppressed
        return before
