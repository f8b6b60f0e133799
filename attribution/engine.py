"""Every model on a file: `attribute(file, settings) → Result`. What each model needs, and the sums that must hold."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
import numpy as np

from attribution import driven, reading, rules, tables, touches
from attribution.driven import Shares
from attribution.model import (
    DATA_DRIVEN,
    UNATTRIBUTED,
    AttributionError,
    Credit,
    Result,
    Settings,
    Totals,
    Unit,
    Withheld,
)
from attribution.packed import Floats, Paths
from attribution.settling import COUNT_PLACES, MONEY_PLACES, settle

Progress = Callable[[str, int, int], None]
NO_TIMES = "counted paths have no times: give a log of touches (person, time, channel, converted)"
NO_DIRECT = "no channel is called direct, so last_non_direct is last_touch: say --direct NAME if there is one"
NO_NULLS = "no journey without a conversion is known: markov and shapley_rate see only how those differ that converted"


def attribute(file: Path, settings: Settings | None = None, progress: Progress | None = None) -> Result:
    """Attribute the conversions of a file (CSV or Parquet; forms in `reading`) by every model of the settings.

    Raises AttributionError, in one line, where the file cannot be read or what it holds cannot be attributed.
    """
    settings, tell = settings or Settings(), progress or (lambda step, done, of: None)
    with tempfile.TemporaryDirectory(prefix="attribution-") as spill, duckdb.connect() as con:
        con.execute(f"set memory_limit = '{settings.memory_mb}MB'")
        con.execute(f"set temp_directory = '{spill}'")
        con.execute("set TimeZone = 'UTC'")
        con.execute("set enable_progress_bar = false")  # who asks draws their own
        tell("reading", 0, 1)
        try:
            table = reading.open_file(con, file)
            run = _counted if table.form == "paths" else _logged
            return run(con, table, settings, tell)
        except duckdb.OutOfMemoryException:
            raise AttributionError(f"{file}: {settings.memory_mb} MB of memory are too few: allow more") from None
        except duckdb.Error as error:
            raise AttributionError(f"{file}: cannot be attributed: {' '.join(str(error).split())}") from error


def _counted(con: duckdb.DuckDBPyConnection, table: reading.Table, settings: Settings, tell: Progress) -> Result:
    found = tables.counted(con, table, settings)
    paths = found.paths
    if settings.by_campaign:
        raise AttributionError(f"{table.file}: counted paths name no campaigns: give a log of touches, or --by channel")
    units = tuple(Unit(channel) for channel in found.channels)
    is_direct = np.array([settings.is_direct(name) for name in found.channels], dtype=bool)
    tell("rule models", 0, 1)
    shares = {
        name: (
            rules.path_credits(paths, weights, paths.conversions, is_direct),
            rules.path_credits(paths, weights, paths.values, is_direct),
        )
        for name, weights in settings.role_weights().items()
    }
    withheld = {"time_decay": NO_TIMES} if "time_decay" in settings.chosen else {}
    totals = Totals(
        found.conversions,
        found.value,
        found.untouched,
        found.untouched_value,
        int(paths.nulls.sum()),
        len(paths),
        int((paths.lengths * (paths.conversions + paths.nulls)).sum()),
    )
    given = {name: _settled(units, *amounts, totals) for name, amounts in shares.items()}
    fitted = None if _why_none(units, settings) else paths
    return _result("paths", totals, units, given, withheld, found.notes, fitted, settings, tell)


def _logged(con: duckdb.DuckDBPyConnection, table: reading.Table, settings: Settings, tell: Progress) -> Result:
    log, units, notes = tables.log(con, table, settings)
    tell("rule models", 0, 1)
    touches.windows(log)
    conversions, cents, untouched, untouched_cents = con.execute(
        "select count(*), coalesce(sum(cents), 0)::hugeint, count(*) filter (where touches is null), "
        "coalesce(sum(cents) filter (where touches is null), 0)::hugeint "
        "from conversions left join ends using (conversion)"
    ).fetchall()[0]
    sums = touches.rule_totals(log)
    paths = None
    if _why_none(units, settings) is None and set(settings.chosen) & set(DATA_DRIVEN):
        tell("packing paths", 0, log.slices)
        paths = touches.pack(log, partial(tell, "packing paths"))
    totals = Totals(
        conversions,
        _money(cents),
        untouched,
        _money(untouched_cents),
        int(paths.nulls.sum()) if paths else 0,
        len(paths) if paths else 0,
        log.rows,
    )
    given = {
        name: _settled(units, [credit for credit, _ in by_unit], [_money(cents) for _, cents in by_unit], totals)
        for name, by_unit in sums.items()
    }
    return _result("touches", totals, units, given, {}, notes, paths, settings, tell)


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-MONEY_PLACES)


def _settled(
    units: Sequence[Unit], conversions: Sequence[Decimal] | Floats, values: Sequence[Decimal] | Floats, totals: Totals
) -> dict[Unit, Credit]:
    """One model's credits, adding up to the totals; what no touch is known for has a line of its own."""
    touched, amount = totals.conversions - totals.untouched, totals.value - totals.untouched_value
    counts = settle(list(conversions), Decimal(touched), COUNT_PLACES)
    money = settle(list(values), amount, MONEY_PLACES)
    given = (
        {unit: Credit(count, worth) for unit, count, worth in zip(units, counts, money, strict=True)} if touched else {}
    )
    if totals.untouched:
        given[Unit(UNATTRIBUTED)] = Credit(Decimal(totals.untouched), totals.untouched_value)
    return given


def _shared(units: Sequence[Unit], found: Shares, totals: Totals) -> dict[Unit, Credit]:
    """A data-driven model's credits: its shares of the totals, with what the bootstrap says of their conversions."""
    touched, amount = totals.conversions - totals.untouched, totals.value - totals.untouched_value
    given = _settled(units, found.conversions * touched, found.values * float(amount), totals)
    if found.bounds is not None:
        for unit, low, high in zip(units, *(found.bounds * touched), strict=True):
            given[unit] = replace(given[unit], interval=(float(low), float(high)))
    return given


def _result(
    form: str,
    totals: Totals,
    units: tuple[Unit, ...],
    given: dict[str, dict[Unit, Credit]],
    withheld: dict[str, str],
    known: Sequence[str],
    paths: Paths | None,
    settings: Settings,
    tell: Progress,
) -> Result:
    """Rule credits as they are, data-driven ones added or withheld, all in the models' order."""
    notes = list(known)
    if "last_non_direct" in settings.chosen and units and not any(settings.is_direct(unit.channel) for unit in units):
        notes.append(NO_DIRECT)
    asked = [name for name in settings.chosen if name in DATA_DRIVEN]
    if asked and paths is not None and not paths.nulls.sum():
        notes.append(NO_NULLS)
    for name in asked:
        try:
            if paths is None:
                raise Withheld(_why_none(units, settings))
            tell(name, 0, 1)
            found = driven.shares(name, paths, [unit.channel for unit in units], settings, partial(tell, name))
            given[name] = _shared(units, found, totals)
            notes += [found.note] if found.note else []
        except Withheld as reason:
            withheld[name] = str(reason)
    ordered = {name: given[name] for name in settings.chosen if name in given}
    return Result(form, totals, ordered, withheld, tuple(notes))


def _why_none(units: Sequence[Unit], settings: Settings) -> str | None:
    """Why no data-driven model is fitted to so many units, if so."""
    if settings.by_campaign:
        return "data-driven models are at channel level only: leave out --by campaign"
    if len(units) > driven.MOST_CHANNELS:
        return f"{len(units):,} channels are more than {driven.MOST_CHANNELS:,}: if they are addresses, group them"
    return None
