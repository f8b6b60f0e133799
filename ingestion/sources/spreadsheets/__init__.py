"""Spreadsheets: `{folder}/{type}*.csv|xlsx → spreadsheets/{type}`, the files people edit or export.

A type's files are read whole when any of them changed, and replace what was read before; of files that only grew, the
rows they had come from the lake (`growth.py`). A type whose files went away becomes empty. A wrong row goes to
quarantine, a wrong file fails the load: the rule stands in `files.py`. Belongs here: which files are read when, and
rows that come twice. Files are opened in `files.py`, cells understood in `cells.py`.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.compute as pc
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from ingestion.errors import SourceError
from ingestion.filesystems import located
from ingestion.privacy import Hasher, without_secrets
from ingestion.registry import Table
from ingestion.rows import Refusal, build, shape
from ingestion.settings import Folder, SourceSettings, settings
from ingestion.sources.spreadsheets import growth
from ingestion.sources.spreadsheets.cells import Row, read_rows
from ingestion.sources.spreadsheets.files import File, Line, plain, read_file
from ingestion.streams import Connector, Context, Rows, Stream, Window
from ingestion.tables.spreadsheets import IN_FILES, SOURCE

SUFFIXES = (".csv", ".xlsx")
# Also spreadsheets, but not read.
OTHER_SUFFIXES = (".xls", ".xlsm", ".xlsb", ".ods", ".numbers", ".tsv", ".txt")
BATCH_ROWS = 10_000
# A file with a larger share of rows refused is not what its name says.
MAX_REFUSED_SHARE = 0.5
# Rows compared with each other for a key that comes twice; the gate raw compares all of them.
KEYS_REMEMBERED = 500_000
FIRST_DAY, LAST_DAY = dt.date(1900, 1, 1), dt.date(9999, 12, 31)
STATE = "fingerprints"


class SpreadsheetsSettings(SourceSettings):
    """SOURCES__SPREADSHEETS__… ."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__SPREADSHEETS__")

    url: Folder = Field(description="Folder or bucket (any fsspec URL) holding the files.")


def connect(context: Context) -> Connector:
    """One stream per type, silent where nothing changed."""
    found = find(SpreadsheetsSettings.load().url, context.source.tables)
    streams = {name: partial(_type, context, table, found[name]) for name, table in context.source.tables.items()}
    return Connector(streams)


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong with a file, or with its rows."""
    found = find(SpreadsheetsSettings.load().url, SOURCE.tables)
    # No row is kept, so no hash is either.
    unkept, zone = Hasher(""), ZoneInfo(settings().timezone)
    refused = [
        refusal.reason
        for name, files in found.items()
        for rows in Reader(SOURCE.tables[name], unkept, zone).read(files)
        for refusal in rows.refused
    ]
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise SourceError("spreadsheets", f"a pull would quarantine {refused[0]}{more}")
    missing = [name for name, files in found.items() if not files]
    return f"{sum(map(len, found.values()))} files" + (f"; none of type {', '.join(missing)}" if missing else "")


def find(url: str, tables: Mapping[str, Table]) -> dict[str, list[File]]:
    """The files of each type, by the type their name begins with; subfolders and Excel's lock files are left alone."""
    filesystem, root = located(url)
    try:
        paths = sorted(str(path) for path in filesystem.ls(root, detail=False))
    except (OSError, ValueError) as error:
        reason, shown = type(error).__name__, without_secrets(url)
        raise SourceError("spreadsheets", f"SOURCES__SPREADSHEETS__URL cannot be listed ({reason}): {shown}") from None
    found: dict[str, list[File]] = {name: [] for name in tables}
    for path in paths:
        name = path.rpartition("/")[2]
        stem, dot, ending = name.rpartition(".")
        suffix = f"{dot}{ending}".lower()
        if name.startswith(("~", ".")) or suffix not in (*SUFFIXES, *OTHER_SUFFIXES):
            continue
        table = max((each for each in tables if plain(stem).startswith(each)), key=len, default=None)
        if suffix in OTHER_SUFFIXES:
            if table is not None:
                raise SourceError("spreadsheets", f"{name}: {suffix} is not read; save it as .xlsx or .csv, or move it")
            continue
        if table is None:
            known = ", ".join(tables)
            raise SourceError(
                "spreadsheets",
                f"{name} is of no known type: begin its name with one of {known}, or move it to a subfolder",
            )
        found[table].append(File(name, filesystem, path))
    return found


def _type(context: Context, table: Table, files: list[File]) -> Stream:
    known: dict[str, str] = context.state.setdefault(STATE, {})
    kept: dict[str, growth.Read] = context.state.setdefault(growth.STATE, {})
    zone = context.settings.timezone
    seals = {file.name: file.seal() for file in files}
    fingerprint = _fingerprint(table, seals, zone)
    # The first pull covers a type without files too: that it is empty is then known, not missing.
    if known.get(table.name) == fingerprint:
        return
    read = yield from growth.read(
        context.settings,
        table,
        files,
        seals,
        kept.pop(table.name, None),
        partial(Reader, table, context.hasher, ZoneInfo(zone)),
    )
    known[table.name] = fingerprint
    if read is not None:
        kept[table.name] = read
    yield Window(table.name, FIRST_DAY, LAST_DAY)


def _fingerprint(table: Table, seals: Mapping[str, tuple[int, bytes]], zone: str) -> str:
    """Changes with any file's name or content, with the columns declared, and with the zone their times are of."""
    digest = hashlib.sha256(f"{table.arrow_schema()} {zone}".encode() if seals else b"")
    for name, (_, content) in seals.items():
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()


class Reader:
    """Reads the files of one type into batches of rows, and refuses a key that came before. zone: whose the times are
    that name none. accepted, refused, first, last: how many rows so far, and the days those accepted are of.
    """

    def __init__(self, table: Table, hasher: Hasher, zone: ZoneInfo) -> None:
        self._table, self._hasher, self._zone = table, hasher, zone
        self._seen: dict[bytes, str] = {}
        self.accepted = self.refused = 0
        self.first: dt.date | None = None
        self.last: dt.date | None = None

    def read(self, files: Iterable[File]) -> Iterator[Rows]:
        for file in files:
            received = 0
            reasons: list[str] = []
            lines = read_file(self._table, file)
            while batch := list(islice(lines, BATCH_ROWS)):
                rows = self._batch(file, batch)
                received += rows.received
                reasons += (refusal.reason for refusal in rows.refused)
                self._count(rows)
                yield rows
            if len(reasons) > MAX_REFUSED_SHARE * received:
                raise file.refusal(f"is refused: {len(reasons)} of its {received} rows are wrong, first {reasons[0]}")

    def _count(self, rows: Rows) -> None:
        self.refused += len(rows.refused)
        built: Any = rows.rows  # Arrow, as `_batch` makes it
        if built.num_rows:
            self.accepted += built.num_rows
            days: Any = pc.min_max(built.column(self._table.day_column))
            first, last = days["min"].as_py(), days["max"].as_py()
            self.first, self.last = min(self.first or first, first), max(self.last or last, last)

    def _batch(self, file: File, lines: list[Line]) -> Rows:
        """The rows of these lines, and for each other a refusal naming the cell."""
        accepted: list[Row] = []
        indices: list[int] = []
        refused: dict[int, Refusal] = {}
        for index, (line, row) in enumerate(zip(lines, read_rows(self._table, lines, file), strict=True)):
            sound = row if isinstance(row, ValueError) else self._first(self._kept(row), line)
            if isinstance(sound, ValueError):
                refused[index] = _refusal(index, line, *sound.args)
            else:
                accepted.append({**sound, "file_name": line.place, "row_number": line.number})
                indices.append(index)
        built, more = build(self._table, accepted)
        for each in more:
            index, reason = indices[each.index], each.reason.removeprefix(f"{each.column}: ")
            refused[index] = _refusal(index, lines[index], each.column, reason)
        return Rows(self._table.name, built, [refused[index] for index in sorted(refused)], received=len(lines))

    def _kept(self, row: Row) -> Row:
        """What the lake keeps of a row: an instant of a time, a hash of an address."""
        if "touched_at" in row:
            at: dt.datetime = row["touched_at"]
            at = at if at.tzinfo else at.replace(tzinfo=self._zone)
            row |= {"touched_at": at.astimezone(dt.UTC), "touched_on": at.astimezone(self._zone).date()}
        if "email" in row:
            row["email_hash"] = self._hasher.email(row.pop("email"))
        return row

    def _first(self, row: Row, line: Line) -> Row | ValueError:
        """The row, unless one before it had its key."""
        key = self._table.key
        digest = hashlib.blake2b(
            repr([row.get(name) for name in key]).encode("utf-8", "replace"), digest_size=16
        ).digest()
        where = f"{line.place}, row {line.number}"
        first = self._seen.get(digest, where)
        if first != where:
            same = ", ".join(IN_FILES[name].name if name in IN_FILES else name for name in key)
            return ValueError(key[0], f"with the same {same} stands {first} already; keep one of them")
        if len(self._seen) < KEYS_REMEMBERED:
            self._seen[digest] = where
        return row


def _refusal(index: int, line: Line, column: str, reason: str) -> Refusal:
    value = line.cells.get(column)
    return Refusal(index, column, shape(value), f"{line.place}, row {line.number}, column {column}: {reason}")
