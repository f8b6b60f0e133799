"""CSV for people: text never runs as a formula when a spreadsheet opens the file, numbers stay numbers.

Names of campaigns, channels and owners come from outside. A spreadsheet takes a cell that begins with = + - @, a tab or
a line end for a formula, which may call out (OWASP, CSV injection); such text gets an apostrophe before it, which
spreadsheets show or hide but never run. Everything Kpilote writes as CSV goes through `csv_text`.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

# Full-width forms count too, as do blanks and invisible characters before the sign: some programs skip them.
_RUNS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠\t\r\n]")


def harmless(value: Any) -> Any:
    """The value, or where it is a text that a spreadsheet would run, the text behind an apostrophe."""
    return f"'{value}" if isinstance(value, str) and _RUNS.match(value) else value


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV, cells harmless, None empty."""
    text = io.StringIO(newline="")
    # The writer quotes a line end inside a text only where it is part of its own: a bare \r would start a new row.
    csv.writer(text, lineterminator="\r\n").writerows([harmless(value) for value in row] for row in rows)
    return text.getvalue()
