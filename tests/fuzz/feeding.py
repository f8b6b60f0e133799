"""One input through the code that would read it, as far as a load's package, and what came of it."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ingestion import lake
from ingestion.errors import KpiloteError
from ingestion.pipeline import Runner
from ingestion.privacy import Hasher
from ingestion.registry import SOURCES, source
from ingestion.rows import Convert
from ingestion.settings import Settings
from ingestion.streams import Connector, Context, Stream, Tally

START, END = dt.date(2026, 5, 1), dt.date(2026, 6, 15)
ADDRESS = "ann.planted@example.com"


@dataclass(frozen=True)
class Offline(Context):
    """A context whose cursors are kept here instead of in a load."""

    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> dict[str, Any]:
        return self.kept


@dataclass(frozen=True)
class Outcome:
    """Rows of one input; `error` is the one line it was refused with as a whole."""

    accepted: int = 0
    refused: int = 0
    error: str | None = None


class LostError(AssertionError):
    """Rows came in that are neither accepted nor refused."""


@cache
def _empty_home() -> TemporaryDirectory[str]:
    """A home whose lake knows every table and holds no row; it goes with the process."""
    folder = TemporaryDirectory()
    lake.prepare(Settings(_env_file=None, home=Path(folder.name)), tuple(SOURCES))  # type: ignore[call-arg]
    return folder


def context(source_name: str) -> Offline:
    settings = Settings(_env_file=None, home=Path(_empty_home().name), start_date=START)  # type: ignore[call-arg]
    return Offline(
        source(source_name), START, END, dt.datetime.combine(END, dt.time(), dt.UTC), Hasher("key"), settings
    )


def connected(within: Offline) -> Connector:
    """The connector of the context's source."""
    connector: Connector = import_module(f"ingestion.sources.{within.source.name}").connect(within)
    return connector


def told(source_name: str) -> dict[str, list[str]]:
    """Every row a first pull makes of what a source says now, as texts in a fixed order, by table."""
    within, found = context(source_name), dict[str, list[str]]()
    connector = connected(within)
    for name, stream in connector.streams.items():
        for item in Runner(within, connector.convert, Tally(), _silent).run(name, stream):
            found.setdefault(item.meta.table_name, []).extend(map(repr, item.data.to_pylist()))
    return {table: sorted(rows) for table, rows in found.items()}


def feed(
    within: Offline,
    stream: Callable[[], Stream],
    convert: Mapping[str, Mapping[str, Convert]] | None = None,
    expected: int | None = None,
) -> Outcome:
    """Run a stream as a load does. expected: rows the input is known to hold."""
    tally = Tally()
    packages = []
    try:
        packages = [item.data for item in Runner(within, convert or {}, tally, _silent).run("fuzz", stream)]
    except KpiloteError as error:
        return Outcome(error=_one_line(str(error)))
    accepted, refused = tally.accepted.total(), tally.quarantined.total()
    accounts = [row for each in packages if "rows_received" in each.schema.names for row in each.to_pylist()]
    received = sum(account["rows_received"] for account in accounts)
    written = sum(
        each.num_rows for each in packages if not {"rows_received", "window_start", "reason"} & {*each.schema.names}
    )
    if (received, accepted) != (accepted + refused, written) or expected not in (None, received):
        raise LostError(
            f"{expected} held, {received} received, {written} of {accepted} accepted written, {refused} refused"
        )
    for row in (
        row for each in packages if {"reason", "value_type"} <= {*each.schema.names} for row in each.to_pylist()
    ):
        _one_line(row["reason"])
    return Outcome(accepted, refused)


def _one_line(message: str) -> str:
    assert message.strip(), "an error without a word"
    assert len(message.splitlines()) == 1, f"not one line: {message!r}"
    assert "@" not in message, f"a raw value: {message!r}"
    return message


def _silent(_table: str, _rows: int) -> None:
    pass
