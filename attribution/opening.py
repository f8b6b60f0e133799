"""A CSV file in any common encoding and separator → a table of texts in DuckDB, and the line each of its rows is on.

The header is looked for under each separator and below whatever stands above it; DuckDB reads what follows. What DuckDB
refuses is read once more row by row, which either names the line that is wrong or writes all down clean for DuckDB.
Encoding: UTF-8 or UTF-16 with its mark; a byte that is no UTF-8 is read as Windows-1252, which holds Latin-1's letters.

Not here: what the columns mean (`reading`).
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb

from attribution.model import AttributionError

SEPARATORS = (",", ";", "\t", "|")
HEAD_CHARACTERS = 1 << 16
HEADER_ROWS = 50  # among which the header is
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
NO_TEXT = {
    b"PK\x03\x04": "is an Excel workbook or an archive: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook: save the sheet as CSV",
    b"\x28\xb5\x2f\xfd": "is compressed: unpack it, or compress it as .gz",
}
_WINDOWS = "attribution_windows_1252"


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error(_WINDOWS, _as_windows)


@dataclass(frozen=True)
class Text:
    """A CSV file whose header was found."""

    file: Path
    separator: str
    columns: tuple[str, ...]  # names that DuckDB tells apart
    above: int  # lines above the header
    plain: bool  # DuckDB may try it as it is

    def place(self, number: int) -> str:
        """Where people find a row, counted from 0."""
        try:
            return f"line {next(islice(self.rows(strict=False), number, None))[0]}"
        except AttributionError:  # a cell longer than Python's reader takes
            return f"row {number + 1} below the header"

    def rows(self, *, strict: bool) -> Iterator[tuple[int, list[str]]]:
        """Each row with the line it begins on; rows of nothing are none."""
        with _opened(self.file) as content:
            for _ in range(self.above):
                content.readline()
            found = csv.reader(content, delimiter=self.separator, strict=strict)
            line = self.above + 1
            try:
                for cells in found:
                    if line > self.above + 1 and cells and (len(cells) > 1 or cells[0].strip()):
                        yield line, cells
                    line = self.above + found.line_num + 1
            except csv.Error:
                raise AttributionError(
                    f"{self.file}, line {line}: a quotation mark has no partner: close it, or double it inside a text"
                ) from None


def look(file: Path, is_header: Callable[[Sequence[str]], bool], wanted: str) -> Text:
    """Find the header; raises AttributionError where there is none, with what there is instead."""
    try:
        with _opened(file) as content:
            first = content.buffer.peek(64)[:64]  # type: ignore[attr-defined]
            if told := next((told for mark, told in NO_TEXT.items() if first.startswith(mark)), None):
                raise AttributionError(f"{file}: {told}")
            head = content.read(HEAD_CHARACTERS)
    except (OSError, EOFError, zlib.error) as error:
        raise AttributionError(f"{file}: cannot be read: {error}") from None
    if "\0" in head:
        raise AttributionError(f"{file}: is no text: save it as CSV in UTF-8")
    if not head.strip():
        raise AttributionError(f"{file}: is empty")
    widest: list[str] = []
    for separator in SEPARATORS:
        rows = _first_rows(head, separator)
        for above, names in rows:
            if is_header(names):
                return Text(file, separator, _distinct(names), above, not above and not first.startswith(UTF16))
        widest = max(widest, next((names for _, names in rows if len(names) > 1), rows[0][1]), key=len)
    raise strange(file, widest, wanted)


def strange(file: Path, columns: Sequence[str], wanted: str) -> AttributionError:
    return AttributionError(f"{file}: its columns ({', '.join(columns)}) are not those of {wanted}: rename them")


def _first_rows(head: str, separator: str) -> list[tuple[int, list[str]]]:
    """The first rows that hold anything, each with the number of lines above it."""
    found, above, rows = [], 0, csv.reader(io.StringIO(head, newline=""), delimiter=separator)
    for cells in islice(rows, HEADER_ROWS):
        if any(cells):
            found.append((above, [cell.strip() for cell in cells]))
        above = rows.line_num
    return found


def load(con: duckdb.DuckDBPyConnection, text: Text) -> None:
    """Make `raw`, a table of all its rows as texts in their order; raises AttributionError with the line to mend."""
    if text.plain and _read(con, text.file, text.separator, text.columns) is None:
        return
    with tempfile.TemporaryDirectory(prefix="attribution-") as folder:
        clean = Path(folder) / "clean.csv"
        with clean.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
            writer.writerow(text.columns)
            writer.writerows(_fitting(text))
        if reason := _read(con, clean, ",", text.columns):
            raise AttributionError(f"{text.file}: cannot be read: {reason}")


def _read(con: duckdb.DuckDBPyConnection, file: Path, separator: str, columns: Sequence[str]) -> str | None:
    """Make `raw`, or say why DuckDB cannot."""
    name = str(file).replace("'", "''")
    types = ", ".join("'" + column.replace("'", "''") + "': 'VARCHAR'" for column in columns)
    try:
        con.execute(
            f"create or replace temp table raw as from read_csv('{name}', auto_detect = false, header = true, "
            f"delim = '{separator}', quote = '\"', escape = '\"', columns = {{{types}}})"
        )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        return " ".join(str(error).split("Possible", 1)[0].split())
    return None


def _fitting(text: Text) -> Iterator[list[str]]:
    """Rows of as many cells as the header has; empty ones behind them are none."""
    width = len(text.columns)
    for line, cells in text.rows(strict=True):
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            separator = "a tab" if text.separator == "\t" else f"'{text.separator}'"
            raise AttributionError(
                f"{text.file}, line {line}: has {len(cells)} cells, the header {width}: add or take out cells, or put "
                f"a text that holds {separator} in quotation marks"
            )
        yield cells[:width]


@contextmanager
def _opened(file: Path) -> Iterator[io.TextIOWrapper]:
    with gzip.open(file, "rb") if file.suffix.lower() == ".gz" else file.open("rb") as content:
        wide = content.peek(2)[:2] in UTF16
        encoding, errors = ("utf-16", "replace") if wide else ("utf-8-sig", _WINDOWS)
        with io.TextIOWrapper(content, encoding, errors, newline="") as text:
            yield text


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names told apart by their number where they are empty or stand twice, or would hide DuckDB's own."""
    taken, distinct = {"", "rowid"}, []
    for number, name in enumerate(names, 1):
        distinct.append(f"{name} ({number})".strip() if name.lower() in taken else name)
        taken.add(distinct[-1].lower())
    return tuple(distinct)
