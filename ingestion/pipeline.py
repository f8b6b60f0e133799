"""How a load is made: a source's streams through dlt into Parquet files of the lake, as one load package.

Flow: `stream → batches of rows → Arrow → dlt package → {lake}/{source}/…`. Belongs here: how rows become a
package. Does not: what an interrupted load left (`resume.py`), what a vendor answers (`sources/`) or what a row must
look like (`rows.py`). A package holds the rows of every table, the ranges covered (`_windows`), the rows refused
(`_quarantine`), how many rows were received (`_received`) and the cursors; it counts once dlt has written its
`_dlt_loads` record.
"""

import datetime as dt
import fcntl
import gc
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa

from ingestion import suppression
from ingestion.coverage import ends
from ingestion.erasure import refuse_while_unfinished
from ingestion.errors import KpiloteError, SettingsError, SourceError
from ingestion.privacy import Hasher, without_addresses
from ingestion.registry import Source, bookkeeping
from ingestion.resume import ready_pipeline
from ingestion.rows import ByColumn, ByRow, Convert, Refusal, build, by_column
from ingestion.settings import Settings
from ingestion.streams import Connector, Context, Stream, Tally, Window

# Rows gathered before they become one Arrow table.
BATCH_ROWS = 10_000
EXTRACT_WORKERS = 4
# A pull makes millions of small objects that no cycle holds: looking for cycles after every 700 of them, as Python does
# by default, costs a quarter of its CPU. From the first pull on, a process looks after so many.
COLLECT_AFTER = 50_000


def load(
    source: Source,
    connect: Callable[[Context], Connector],
    settings: Settings,
    window: tuple[dt.date, dt.date],
    report: Callable[[str, int], None],
    notice: Callable[[str], None],
) -> tuple[tuple[str, ...], Tally]:
    """Pull one source and commit it: load ids and tally. Whatever fails, the lake keeps what it had."""
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    hasher = Hasher(settings.require_hash_key())
    tally = Tally()
    with alone(settings, source.name):
        try:
            refuse_while_unfinished(settings)
            pipeline = ready_pipeline(source.name, settings)

            now = dt.datetime.now(tz=dt.UTC)
            known = suppression.read(settings), ends(settings, source)
            context = Context(source, *window, now, hasher, settings, *known)
            for line in context.missed():
                notice(line)
            with understood(source.name):
                connector = connect(context)

            @dlt.source(name=source.name)
            def streams() -> Iterator[Any]:
                for name, stream in connector.streams.items():
                    rows = Runner(context, connector.convert, tally, report).run(name, stream)
                    yield dlt.resource(rows, name=name, write_disposition="append", parallelized=True)

            pipeline.extract(streams(), workers=EXTRACT_WORKERS, loader_file_format="parquet")
            pipeline.normalize()
            info = pipeline.load()
        except Exception as error:
            written = _written(error)
            if written is not None:
                raise written from None
            reason = without_addresses(f"{type(error).__name__}: {_innermost(error)}")
            raise SourceError(source.name, f"the load failed, the lake keeps what it had ({reason})") from error
    return tuple(info.loads_ids) if info is not None else (), tally


def _check_key(context: Context) -> None:
    """Hashes made under two keys never meet: the lake remembers a fingerprint of the key it was written under."""
    fingerprint = context.hasher.identifier("kpilote")
    if context.state.setdefault("hash_key", fingerprint) != fingerprint:
        raise SettingsError("KPILOTE_HASH_KEY differs from the key this lake was written under: set that one again")


@contextmanager
def understood(source_name: str) -> Iterator[None]:
    """Where an answer is read: a part of it that is missing or of another form is the vendor's fault, in one line.

    Which part is told by the place in our code; the error itself may repeat what the vendor sent.
    """
    try:
        yield
    except KpiloteError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.name}, {Path(place.filename).name} line {place.lineno}"
        raise SourceError(
            source_name,
            f"an answer is not of the documented form ({type(error).__name__} in {where}); nothing was loaded",
        ) from error


class Runner:
    """Turns one stream into Arrow tables for dlt, then adds its windows, what it refused and what it received."""

    def __init__(
        self,
        context: Context,
        convert: Mapping[str, Mapping[str, Convert]],
        tally: Tally,
        report: Callable[[str, int], None],
    ) -> None:
        self._context, self._convert, self._tally, self._report = context, convert, tally, report
        self._pending: dict[str, dict[str, list[Any]]] = {}
        self._windows: list[Mapping[str, Any]] = []
        self._quarantine: list[Mapping[str, Any]] = []
        self._received: Counter[str] = Counter()
        self._mine = Tally()

    def run(self, name: str, stream: Callable[[], Stream]) -> Iterator[Any]:
        _check_key(self._context)
        for item in self._items(stream):
            if isinstance(item, Window):
                self._received[item.table] += 0  # covered and empty is an account too
                self._windows.append(
                    {
                        "table_name": item.table,
                        "window_start": item.start,
                        "window_end": item.end,
                        "pulled_at": self._context.pulled_at,
                    }
                )
            elif isinstance(item.rows, pa.Table):
                self._received[item.table] += item.received
                yield from self._finished(item.table, item.rows, item.refused)
            else:
                yield from self._gathered(item.table, item.rows)
        for table in tuple(self._pending):
            yield from self._flush(table)
        accounts = [self._account(name, table) for table in self._received]
        books = bookkeeping(self._context.source.name)
        for book, entries in zip(books, (self._windows, self._quarantine, accounts), strict=True):
            if entries:
                yield _named(build(book, entries)[0], book.name)

    def _items(self, stream: Callable[[], Stream]) -> Stream:
        with understood(self._context.source.name):
            yield from stream()

    def _account(self, stream: str, table: str) -> Mapping[str, Any]:
        """Rows received of a table, and what became of them: none may be missing."""
        received, judged = self._received[table], self._mine.judged(table)
        if received != judged:
            raise SourceError(
                self._context.source.name,
                f"{received} rows of {table} were received, but {judged} judged; nothing was loaded."
                " This is a fault of Kpilote's: please report it",
            )
        return {
            "table_name": table,
            "stream": stream,
            "rows_received": received,
            "rows_accepted": self._mine.accepted[table],
            "rows_quarantined": self._mine.quarantined[table],
            "rows_suppressed": self._mine.suppressed[table],
            "received_at": self._context.pulled_at,
        }

    def _gathered(self, table: str, rows: ByRow | ByColumn) -> Iterator[Any]:
        """The rows beside those that wait; all of them as one Arrow table once they are enough."""
        columns = by_column(self._context.source.tables[table], rows)
        (received,) = {len(values) for values in columns.values()}
        self._received[table] += received
        pending = self._pending.setdefault(table, {name: [] for name in columns})
        for name, values in columns.items():
            pending[name] += values
        waiting = max(map(len, pending.values()))
        self._report(table, self._tally.judged(table) + waiting)
        if waiting >= BATCH_ROWS:
            yield from self._flush(table)

    def _flush(self, table: str) -> Iterator[Any]:
        columns = self._pending.pop(table)
        if any(columns.values()):
            built, refused = build(self._context.source.tables[table], columns, self._convert.get(table))
            yield from self._finished(table, built, refused)

    def _finished(self, table: str, built: pa.Table, refused: Sequence[Refusal]) -> Iterator[Any]:
        built, suppressed = self._context.suppression.sift(self._context.source.tables[table], built)
        self._mine.add(table, built.num_rows, len(refused), suppressed)
        before = self._tally.add(table, built.num_rows, len(refused), suppressed)
        self._quarantine.extend(
            {
                "table_name": table,
                "row_number": before + refusal.index + 1,
                "column_name": refusal.column,
                "value_type": refusal.value_type,
                "reason": refusal.reason,
                "received_at": self._context.pulled_at,
            }
            for refusal in refused
        )
        self._report(table, self._tally.judged(table))
        if built.num_rows:
            yield _named(built, table)


def _named(rows: pa.Table, table: str) -> Any:
    return dlt.mark.with_table_name(rows, table)


@contextmanager
def alone(settings: Settings, source_name: str) -> Iterator[None]:
    """One pull of a source at a time on this machine: others wait, since they would share cursors and working files."""
    settings.dlt_dir.mkdir(parents=True, exist_ok=True)
    with (settings.dlt_dir / f"{source_name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what dlt wrapped in it, outermost first."""
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        yield inner
        seen.add(id(inner))
        inner = getattr(inner, "exception", None) or inner.__cause__ or inner.__context__


def _written(error: BaseException) -> KpiloteError | None:
    """The error meant for a person, from under dlt's wrappers."""
    return next((each for each in _chain(error) if isinstance(each, KpiloteError)), None)


def _innermost(error: BaseException) -> BaseException:
    *_, last = _chain(error)
    return last
