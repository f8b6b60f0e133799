"""CSV files in any common encoding and separator, as systems and spreadsheets of a French or English computer save
them: `bytes → rows of texts`.

Encoding: UTF-8 (with or without mark), UTF-16 with its mark; a byte that is no UTF-8 is read as Windows-1252, which
holds Latin-1's letters, so a file of either needs no guess. Separator: the one under which the header is found.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ingestion.sources.spreadsheets.files import HEADER_ROWS, File, Header, Line, find_header, fitting, lines
from ingestion.tables.model import Table

SEPARATORS = (",", ";", "\t", "|")
# The decimal sign that a separator gives away: who separates by commas writes points, and Excel separates by semicolons
# where commas are decimal. Tabs and bars say nothing.
DECIMALS = {",": ".", ";": ","}
HEAD_CHARACTERS = 1 << 16
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ANNOUNCED = re.compile(r"sep=([,;\t|])\r?\n")
_WINDOWS = "kpilote_windows_1252"


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error(_WINDOWS, _as_windows)


def read(table: Table, file: File) -> Iterator[Line]:
    """The rows of a CSV file."""
    with _opened(file) as (content, announced):
        head = content.read(HEAD_CHARACTERS)
    separator, found = _dialect(table, head, announced)
    fitting(table, file, found)
    file.decimal = DECIMALS.get(separator)
    start, above = file.skipped
    with _opened(file, start) as (content, _):
        rows = csv.reader(content, delimiter=separator, strict=True)
        if not start:
            above = found.number
            for _ in range(above):
                next(rows)
        file.rows = above
        try:
            yield from lines(found, file.name, _counted(file, rows), exact=True, above=above)
        except csv.Error as error:
            raise file.refusal(
                f"cannot be read after row {file.rows} ({error}): look for a quotation mark without its partner"
            ) from None


def _counted(file: File, rows: Iterator[list[str]]) -> Iterator[list[str]]:
    for row in rows:
        file.rows += 1
        yield row


@contextmanager
def _opened(file: File, start: int = 0) -> Iterator[tuple[io.TextIOWrapper, str | None]]:
    """The text of a file, or of what stands behind its first bytes, and the separator that Excel's first line `sep=;`,
    which it never shows, announces.
    """
    with file.open() as content:
        first = content.read(64)
        content.seek(start)
        # Further down the mark of UTF-8 is a letter like any other.
        eight = "utf-8" if start else "utf-8-sig"
        encoding, errors = ("utf-16", "replace") if first.startswith(UTF16) else (eight, _WINDOWS)
        announced = _ANNOUNCED.match(first.decode(encoding, "replace"))
        with io.TextIOWrapper(content, encoding, errors, newline="") as text:
            if announced and not start:
                text.readline()
            yield text, announced[1] if announced else None


def _dialect(table: Table, head: str, announced: str | None) -> tuple[str, Header]:
    """The separator under which most columns are found, and the header it gives."""
    choices = {each: find_header(table, _first_rows(head, each)) for each in ([announced] if announced else SEPARATORS)}
    separator = min(choices, key=lambda each: (len(choices[each].missing), len(choices[each].repeated)))
    return separator, choices[separator]


def _first_rows(head: str, separator: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(head, newline=""), delimiter=separator, strict=True):
            rows.append(row)
            if len(rows) == HEADER_ROWS:
                break
    except csv.Error:
        pass  # the head may end inside a row, and a wrong separator meets quotation marks in odd places
    return rows
