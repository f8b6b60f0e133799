"""From a file to its rows: `CSV or XLSX → Line(place, row number, cells by column)`, once its header was found.

The rule of what is used and what is refused, for every type of file:
- a *row* that cannot be understood is quarantined alone, naming file, row, column and mend; the other rows are used;
- a *file* is refused whole, and with it the pull, when it cannot be opened, when its header cannot be mapped to the
  columns of its type, or when more than half of its rows would be quarantined: it is then not what its name says.
The lake keeps what it had; the gate raw decides whether what was quarantined is few enough to build on.

Belongs here: headers, and which columns a row's cells are. Opening is in `text.py` and `workbook.py`, the meaning of
cells in `cells.py`. Files are streamed, never held whole.
"""

import datetime as dt
import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fsspec

from ingestion.errors import SourceError
from ingestion.tables.model import Column, Table
from ingestion.tables.spreadsheets import ADDED, ALIASES, IN_FILES

# Notes may stand above the header, which is looked for in so many rows.
HEADER_ROWS = 20
SHOWN = 40
CHUNK_BYTES = 1 << 20
EXCEL_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a calendar day, of no zone


@dataclass
class File:
    """A file of a folder or bucket. `decimal` (the sign its numbers use, if it shows), `epoch` (day 0 of its day
    numbers) and `rows` (how many it has, of a CSV) are found while it is read. skipped: bytes and rows at its beginning
    that are not read again (`growth.py`).
    """

    name: str
    filesystem: fsspec.AbstractFileSystem = field(repr=False)
    path: str
    decimal: str | None = None
    epoch: dt.datetime = EXCEL_EPOCH
    rows: int = 0
    skipped: tuple[int, int] = (0, 0)

    def open(self) -> Any:
        return self.filesystem.open(self.path, "rb")

    def seal(self, first: int | None = None) -> tuple[int, bytes]:
        """How many bytes it holds and their SHA-256; of its first bytes where so many are asked for."""
        digest, size = hashlib.sha256(), 0
        with self.open() as content:
            while chunk := content.read(CHUNK_BYTES if first is None else min(CHUNK_BYTES, first - size)):
                digest.update(chunk)
                size += len(chunk)
        return size, digest.digest()

    def refusal(self, reason: str) -> SourceError:
        """The whole file cannot be used."""
        return SourceError("spreadsheets", f"{self.name} {reason}")


@dataclass(frozen=True)
class Unreadable:
    """A cell that holds no value: why, and the mend."""

    reason: str


@dataclass(frozen=True)
class Line:
    """A row with anything in it. place: file, and sheet where several are read; number: as a spreadsheet shows it.

    fault: why the row as a whole cannot be used.
    """

    place: str
    number: int
    cells: Mapping[str, Any]
    fault: str | None = None


@dataclass(frozen=True)
class Header:
    """Where the header stands (1 is the first row) and which column each of its cells is, "" for none of ours."""

    number: int
    names: tuple[str, ...]
    missing: tuple[str, ...]
    repeated: tuple[str, ...]
    near: Mapping[str, str]

    @property
    def fits(self) -> bool:
        return not self.missing and not self.repeated


def columns(table: Table) -> tuple[Column, ...]:
    """The columns a file of this type has, in the order of its template."""
    return tuple(IN_FILES.get(column.name, column) for column in table.columns if column.name not in ADDED)


def header(table: Table) -> tuple[str, ...]:
    """Their names."""
    return tuple(column.name for column in columns(table))


def plain(text: Any) -> str:
    """A heading or file name without case, accents, blanks and punctuation: `Dépense (€) ` → `depense`."""
    letters = unicodedata.normalize("NFKD", "" if text is None else str(text)[:200]).lower()
    return "_".join(re.findall(r"[a-z0-9]+", "".join(each for each in letters if not unicodedata.combining(each))))


def shown(value: Any) -> str:
    """The beginning of a cell, on one line and without an address: what a message may repeat."""
    text = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in str(value)[:SHOWN].strip())
    return "(address)" if "@" in str(value) else text


def find_header(table: Table, lines: Sequence[Sequence[Any]]) -> Header:
    """The row among the first ones that names most of the type's columns."""
    found = [_header(table, number, line) for number, line in enumerate(lines[:HEADER_ROWS], start=1)]
    return min(found, key=lambda each: len(each.missing), default=_header(table, 1, []))


def _header(table: Table, number: int, line: Sequence[Any]) -> Header:
    wanted = header(table)
    said = [plain(cell) for cell in line]
    names = [each if each in wanted else "" for each in said]
    for index, each in enumerate(said):
        meant = next((name for name in wanted if each in ALIASES.get(name, ())), "")
        # The column's own name goes before what else it may be called.
        if meant and meant not in said and not names[index]:
            names[index] = meant
    missing = tuple(name for name in wanted if name not in names)
    repeated = tuple(name for name in wanted if names.count(name) > 1)
    others = {each: shown(cell) for each, cell, name in zip(said, line, names, strict=True) if each and not name}
    near: dict[str, str] = {}
    for name in missing:
        for close in difflib.get_close_matches(name, others, 1, 0.7):
            near[name] = others[close]
    return Header(number, tuple(names), missing, repeated, near)


def fitting(table: Table, file: File, found: Header) -> Header:
    """The header, or the error that says what it lacks."""
    if found.fits:
        return found
    if found.missing:
        fault = f"lacks the column {', '.join(found.missing)}"
        fault += "".join(f"; rename '{other}' to {name}" for name, other in found.near.items())
    else:
        fault = f"has the column {', '.join(found.repeated)} twice"
    raise SourceError(
        "spreadsheets",
        f"{file.name}: the header (row {found.number}) {fault}; it must hold {', '.join(header(table))}"
        f" (template: ingestion/templates/{table.name}.csv)",
    )


def lines(
    found: Header, place: str, rows: Iterator[Sequence[Any]], *, exact: bool, above: int | None = None
) -> Iterator[Line]:
    """The rows under a header. exact: rows that are shorter or longer than it are faults (a CSV's shifted cells).
    above: how many rows stand above these, where that is not the header.
    """
    least = max(index for index, name in enumerate(found.names, start=1) if name)
    named = [(index, name) for index, name in enumerate(found.names) if name]
    for number, row in enumerate(rows, start=(above or found.number) + 1):
        if not any(map(_is_filled, row)):
            continue
        fault = None
        if exact and (len(row) < least or any(map(_is_filled, row[len(found.names) :]))):
            fault = f"has {len(row)} cells, the header {len(found.names)}; put values that hold the separator in quotes"
        cells = {name: row[index] for index, name in named if index < len(row)}
        if fault or any(map(_is_filled, cells.values())):
            yield Line(place, number, cells, fault)


def _is_filled(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None


def read_file(table: Table, file: File) -> Iterator[Line]:
    """Every row with anything in it."""
    from ingestion.sources.spreadsheets import text, workbook

    with file.open() as content:
        start = content.read(8)
    if not start:
        raise file.refusal("is empty: save it again with the header of its template, or remove it")
    if start.startswith(workbook.OLE):
        raise file.refusal("is an old .xls or is protected by a password: remove the password and save it as .xlsx")
    is_workbook = file.name.lower().endswith(".xlsx")
    if is_workbook != start.startswith(workbook.ZIP):
        held = "a workbook" if start.startswith(workbook.ZIP) else "no workbook"
        raise file.refusal(f"is {held}: give it the ending of what it is (.xlsx or .csv), or save it again")
    yield from (workbook if is_workbook else text).read(table, file)
