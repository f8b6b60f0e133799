"""Spreadsheets: `{folder}/{type}*.csv|xlsx → spreadsheets/{type}`, the files people edit or export.

A type's files are read whole when any of them changed, and replace what was read before; a type whose files went
away becomes empty. A wrong header fails the load and names the file; a wrong cell sends its row to quarantine and
names file, row, column and mend. Belongs here: which files are read when. Files are opened in `files.py`, cells
understood in `cells.py`.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from functools import partial

import fsspec
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from ingestion.errors import SourceError
from ingestion.registry import Table
from ingestion.rows import Refusal, build
from ingestion.settings import SourceSettings
from ingestion.sources.spreadsheets.cells import Row, read_row
from ingestion.sources.spreadsheets.files import SUFFIXES, File, read_file
from ingestion.streams import Connector, Context, Rows, Stream, Window
from ingestion.tables.spreadsheets import SOURCE

FIRST_DAY, LAST_DAY = dt.date(1900, 1, 1), dt.date(9999, 12, 31)
STATE = "fingerprints"


class SpreadsheetsSettings(SourceSettings):
    """SOURCES__SPREADSHEETS__… ."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__SPREADSHEETS__")

    url: str = Field(description="Folder or bucket (any fsspec URL) holding the files.")


def connect(context: Context) -> Connector:
    """One stream per type, silent where nothing changed."""
    found = find(SpreadsheetsSettings.load().url, context.source.tables)
    streams = {name: partial(_type, context, table, found[name]) for name, table in context.source.tables.items()}
    return Connector(streams)


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong with a file's name or header."""
    found = find(SpreadsheetsSettings.load().url, SOURCE.tables)
    for name, files in found.items():
        for file in files:
            next(read_file(SOURCE.tables[name], file), None)
    missing = [name for name, files in found.items() if not files]
    return f"{sum(map(len, found.values()))} files" + (f"; none of type {', '.join(missing)}" if missing else "")


def find(url: str, tables: Mapping[str, Table]) -> dict[str, list[File]]:
    """The files of each type, by the type their name begins with; subfolders and Excel's lock files are left alone."""
    filesystem, root = fsspec.core.url_to_fs(url)
    try:
        paths = sorted(str(path) for path in filesystem.ls(root, detail=False))
    except (OSError, ValueError) as error:
        reason = type(error).__name__
        raise SourceError("spreadsheets", f"SOURCES__SPREADSHEETS__URL cannot be listed ({reason}): {url}") from None
    found: dict[str, list[File]] = {name: [] for name in tables}
    for path in paths:
        name = path.rpartition("/")[2]
        if not name.lower().endswith(SUFFIXES) or name.startswith(("~", ".")):
            continue
        table = max((each for each in tables if name.lower().startswith(each)), key=len, default=None)
        if table is None:
            known = ", ".join(tables)
            raise SourceError(
                "spreadsheets",
                f"{name} is of no known type: begin its name with one of {known}, or move it to a subfolder",
            )
        found[table].append(File(name, filesystem.cat_file(path)))
    return found


def _type(context: Context, table: Table, files: list[File]) -> Stream:
    known: dict[str, str] = context.state.setdefault(STATE, {})
    fingerprint = _fingerprint(table, files)
    # The first pull covers a type without files too: that it is empty is then known, not missing.
    if known.get(table.name) == fingerprint:
        return
    for file in files:
        yield _rows(table, file)
    known[table.name] = fingerprint
    yield Window(table.name, FIRST_DAY, LAST_DAY)


def _fingerprint(table: Table, files: list[File]) -> str:
    """Changes with any file's name or content, and with the columns declared."""
    digest = hashlib.sha256(str(table.arrow_schema()).encode() if files else b"")
    for file in files:
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.content).digest())
    return digest.hexdigest()


def _rows(table: Table, file: File) -> Rows:
    """A file's rows: those understood, and a refusal naming the cell for each other."""
    accepted: list[Row] = []
    refused: list[Refusal] = []
    for index, (number, cells) in enumerate(read_file(table, file)):
        try:
            row = read_row(table, cells, semicolons=file.semicolons)
        except ValueError as error:
            column, reason = error.args
            value = cells.get(column)
            refused.append(
                Refusal(index, column, type(value).__name__, f"{file.name}, row {number}, column {column}: {reason}")
            )
        else:
            accepted.append({**row, "file_name": file.name, "row_number": number})
    built, more = build(table, accepted)
    if more:
        raise SourceError("spreadsheets", f"{file.name}: {more[0].reason}")
    return Rows(table.name, built, refused)
