"""`kpilote refresh --as-of`: the marts as they would have been built at an earlier moment, in a warehouse of their own.

Flow: lake, without the loads committed later → dbt build → `$KPILOTE_HOME/as_of/<moment>/warehouse.duckdb`. Nothing is
pulled, judged or published, and the warehouse of every day is not touched. That a load does not exist yet is the
business of one macro (`macros/engine/lake.sql`); which other files such a home has, of `Settings.as_known_on`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from ingestion import lake
from ingestion.erasure import refuse_while_unfinished
from ingestion.errors import KpiloteError
from ingestion.privacy import without_secrets
from ingestion.settings import Settings
from orchestration import dbt
from orchestration.resources import held
from serving.files import LockTimeoutError


class AsOfError(KpiloteError):
    """The marts of that moment cannot be built; the message says why."""


@dataclass(frozen=True)
class Rebuilt:
    """Where the marts of a moment are, and the last whole day every source had delivered by then."""

    warehouse: Path
    data_through: dt.date
    tables: int


def instant(moment: dt.datetime, now: Settings) -> dt.datetime:
    """A moment a person typed, in the reporting time zone unless it says its own; none that is still to come."""
    meant = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(now.timezone))
    if meant > dt.datetime.now(tz=dt.UTC):
        raise AsOfError(f"{meant:%Y-%m-%d %H:%M %Z} is still to come: nobody knows what the lake will hold then")
    return meant


def rebuild(now: Settings, moment: dt.datetime, progress: Callable[[int, int, str], None]) -> Rebuilt:
    """Build every mart from what the lake knew at `moment` (with time zone); done again, only what changed is built.

    Files of the lake must not be exchanged or rewritten meanwhile, so a refresh that runs is waited for.
    """
    try:
        with held(now):
            refuse_while_unfinished(now)
            _refuse_before_the_first_load(now, moment)
            dbt.parsed(now)  # holds for the other home too, whose own would take some ten seconds
            return _built(now.as_known_on(moment), moment, progress)
    except LockTimeoutError as error:
        raise AsOfError(f"{error}: a refresh is running, look back when it has ended") from None


def _built(then: Settings, moment: dt.datetime, progress: Callable[[int, int, str], None]) -> Rebuilt:
    then.home.mkdir(parents=True, exist_ok=True)
    lake.prepare(then)
    done = dbt.build(then, [], progress)
    if done.errors:
        raise AsOfError(f"dbt: {' '.join(done.errors[0].split())[:400]} (log: {then.home / 'logs' / 'dbt'})")
    with duckdb.connect(str(then.warehouse_path), read_only=True) as warehouse:
        through = warehouse.execute("select data_through from intermediate.int_lake__coverage").fetchone()
        tables = warehouse.execute("select count(*) from duckdb_tables() where schema_name = 'marts'").fetchone()
    if not through or through[0] is None:
        raise AsOfError(f"by {moment:%Y-%m-%d %H:%M %Z} the lake had not one whole day of every source yet")
    return Rebuilt(then.warehouse_path, through[0], tables[0] if tables else 0)


def _refuse_before_the_first_load(now: Settings, moment: dt.datetime) -> None:
    first = _first_load(now)
    if first is None:
        raise AsOfError(
            f"{without_secrets(now.lake_url)} holds no load yet: run `kpilote refresh --cadence daily` first"
        )
    if moment < first:
        here = first.astimezone(ZoneInfo(now.timezone))
        raise AsOfError(
            f"the lake knew nothing at {moment:%Y-%m-%d %H:%M}: its first load was committed "
            f"{here:%Y-%m-%d %H:%M:%S %Z}"
        )


def _first_load(now: Settings) -> dt.datetime | None:
    """When the first load of any source was committed; a source may be on that was never pulled."""
    with duckdb.connect() as connection:
        lake.let_read(connection, now)
        globs = [lake.loads_glob(now, name) for name in now.sources]
        files = connection.execute("select file from glob($1)", [globs]).fetchall()
        if not files:
            return None
        found = connection.execute(
            "select min(inserted_at) from read_json("
            "$1, format = 'newline_delimited', columns = {inserted_at: 'TIMESTAMP WITH TIME ZONE'})",
            [[file for (file,) in files]],
        ).fetchone()
    first: dt.datetime | None = found[0] if found else None
    return first
