"""Writing the ledger's rows of one publication: `newest release × marts about to be published → kpi_ledger rows`.

Belongs here: the order of the steps and what becomes of several causes. Cells, facts and origins are told apart in
their own modules; when this runs is publication's business (`serving.release`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb

from serving import marts, parts
from serving.folder import Release
from serving.ledger import book, cells, days, derived, facts, lake, origins

# Facts that explain others though no KPI counts their rows.
EXPLAINING = {"fct_touchpoints": "touch_id", "fct_conversions": "conversion_id"}
PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


class LedgerPlace(lake.Place, Protocol):
    """Where the ledger, the warehouse and the lake are, and what amounts and days mean."""

    @property
    def warehouse_path(self) -> Path: ...
    @property
    def ledger_dir(self) -> Path: ...
    @property
    def timezone(self) -> str: ...
    @property
    def currency(self) -> str: ...


@dataclass(frozen=True)
class _New:
    """The marts about to be published: their folder and their manifest entries."""

    folder: Path
    tables: Mapping[str, Any]


@dataclass(frozen=True)
class Recorded:
    """What a publication changed: cells in all, those whose period had been final, and some of these in words."""

    cells: int
    restated: int
    examples: tuple[str, ...]


def record(
    settings: LedgerPlace,
    staging: Path,
    tables: Mapping[str, Any],
    before: Release | None,
    since: Mapping[str, Release],
    release_id: str,
    now: datetime,
) -> Recorded:
    """Write the rows of a publication whose marts lie in `staging`.

    Cells are compared with `before`, or with the ledger's last word on each where no release is left; facts, per
    cadence, with the release in `since`. A cadence that is not in it was not computed again, or what it was computed
    from is lost.
    """
    with marts.memory() as connection:
        new = _New(staging, tables)
        _show(connection, "new", staging, tables)
        reported = book.published(settings.ledger_dir)
        if not reported:
            connection.execute(_FIRST)
        else:
            if before is None:
                cells.recall(connection, marts.union(reported))
            else:
                _show_both(connection, before, new, ["kpi_values"])
            _compare(connection, settings, new, since)
        connection.execute(
            "create table ledger_rows as select $1 as release_id, $2::timestamp as published_at, * from told",
            [release_id, now.astimezone(UTC).replace(tzinfo=None)],
        )
        book.write(connection, "ledger_rows", settings.ledger_dir, release_id)
        return _recorded(connection)


def _show(connection: duckdb.DuckDBPyConnection, schema: str, folder: Path, tables: Mapping[str, Any]) -> None:
    """One view per mart over its files."""
    connection.execute(f"drop schema if exists {schema} cascade")
    connection.execute(f"create schema {schema}")
    marts.show(connection, folder, tables, schema)
    connection.execute(
        f"create or replace view horizon_{schema} as select max(data_through) as through from {schema}.kpi_values"  # noqa: S608
    )


def _show_both(
    connection: duckdb.DuckDBPyConnection, base: Release, new: _New, names: Collection[str] | None = None
) -> None:
    """`old`, the marts (or some) of an earlier release, and of the marts both have the files that differ: `old_changed`
    and `new_changed`.
    """
    told = base.manifest["tables"]
    old = {name: told[name] for name in names or told}
    _show(connection, "old", base.path, old)
    for side in ("old", "new"):
        connection.execute(f"drop schema if exists {side}_changed cascade")
        connection.execute(f"create schema {side}_changed")
    for name in old.keys() & new.tables.keys():
        mart = marts.identifier(name)
        both = zip(("old", "new"), (base.path, new.folder), parts.differing(old[name], new.tables[name]), strict=True)
        for side, folder, differing in both:
            source = marts.union([folder / each.file for each in differing]) if differing else f"{side}.{mart} limit 0"
            connection.execute(f"create view {side}_changed.{mart} as from {source}")


_FIRST = """
    create view told as
    select kpi, cadence, period_start, dimension, dimension_value, 'appeared' as change,
        null::double as old_value, value as new_value, null::double as old_numerator, numerator as new_numerator,
        null::double as old_denominator, denominator as new_denominator,
        'first_report' as cause, 'first_report' as cause_parts, false as was_final, definition_version
    from new.kpi_values
"""


def _compare(
    connection: duckdb.DuckDBPyConnection,
    settings: LedgerPlace,
    new: _New,
    since: Mapping[str, Release],
) -> None:
    """Create `told`: every cell that differs, with its cause."""
    cells.compare(connection)
    connection.execute("create table hits (cell_id bigint, cause varchar)")
    connection.execute(f"attach {marts.text(settings.warehouse_path)} as warehouse (read_only)")
    used = facts.inputs(connection) if "kpi_inputs" in new.tables else []
    for base in {base.id: base for base in since.values()}.values():
        found = connection.execute(
            "select kpi, list(distinct cadence order by cadence) from changed_cells"
            " where not is_first_report and list_contains($1, cadence) group by kpi",
            [[cadence for cadence, release in since.items() if release == base]],
        ).fetchall()
        changed = dict(found)
        # A fact the base did not know came with a new definition, which is cause enough.
        counted = [one for one in used if one.kpi in changed and one.fact in base.manifest["tables"]]
        if counted:
            _trace(connection, settings, new, base, counted, changed)
    connection.execute(_TOLD)


def _trace(
    connection: duckdb.DuckDBPyConnection,
    settings: LedgerPlace,
    new: _New,
    base: Release,
    used: Sequence[facts.Input],
    changed: Mapping[str, Sequence[str]],
) -> None:
    """Fill `hits` with causes of cells, by KPI and cadence, from the rows of facts that differ from those of `base`."""
    _show_both(connection, base, new)
    keys = {**EXPLAINING, **{one.fact: one.fact_key for one in used}}
    for fact, key in keys.items():
        facts.diff(connection, fact, key)
    otherwise = _otherwise(settings, base)
    is_ruled = otherwise is not None
    before, joined = base.manifest.get("lake", {}), set(settings.sources) - set(_sources(base) or settings.sources)
    lake.read(connection, settings, before, joined)
    days.read(connection, settings, before, keys.keys(), joined=joined, are_rules_changed=is_ruled)
    derived.derive(connection, are_rules_changed=is_ruled)
    for fact in sorted({one.fact for one in used}):
        columns = set(new.tables[fact]["columns"])
        origins.explain(connection, fact, columns, otherwise)
    for one in used:
        facts.hit(connection, one, changed[one.kpi])


def rules_digest() -> str:
    """A hash of the project that turns the lake into facts: its models, macros, seeds and vars."""
    digest = hashlib.sha256()
    for path in sorted(path for path in PROJECT.rglob("*") if path.suffix in (".sql", ".csv", ".yml")):
        inside = path.relative_to(PROJECT)
        if inside.parts[0] in ("models", "macros", "seeds", "dbt_project.yml"):
            digest.update(str(inside).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _sources(before: Release) -> list[str] | None:
    """The sources that were on; None of a release of an earlier Kpilote, which kept nothing about them."""
    sources: list[str] | None = before.manifest.get("sources")
    return sources


def _otherwise(settings: LedgerPlace, before: Release) -> str | None:
    """The cause of rows that differ although the lake received nothing about them: the rules were changed, or which
    sources are on.
    """
    told = [*(before.manifest.get(key) for key in ("rules_sha256", "timezone", "currency")), _sources(before)]
    now = [rules_digest(), str(settings.timezone), settings.currency, list(settings.sources)]
    is_changed = any(was is not None and was != is_now for was, is_now in zip(told, now, strict=True))
    return "definition_change" if is_changed else None


_TOLD = f"""
    create view told as
    with causes as (
        select changed_cells.cell_id, hits.cause from changed_cells left join hits using (cell_id)
        where not is_first_report
        union select cell_id, 'definition_change' from changed_cells where is_redefined
    ),
    listed as (
        select cell_id, list_sort(list_distinct(list(cause) filter (where cause is not null))) as parts
        from causes group by cell_id
    ),
    settled as (
        select changed_cells.*,
            case
                when is_first_report then ['first_report']
                when len(coalesce(listed.parts, [])) > 0 then listed.parts
                when was_open then ['period_open']
                else ['{facts.UNEXPLAINED}']
            end as parts
        from changed_cells left join listed using (cell_id)
    )
    select kpi, cadence, period_start, dimension, dimension_value, change,
        old_value, new_value, old_numerator, new_numerator, old_denominator, new_denominator,
        case when len(parts) = 1 then parts[1] else 'mixed' end as cause,
        array_to_string(parts, ', ') as cause_parts, was_final, definition_version
    from settled
"""  # noqa: S608


def _recorded(connection: duckdb.DuckDBPyConnection) -> Recorded:
    counts = connection.execute("select count(*), count(*) filter (where was_final) from ledger_rows").fetchone()
    examples = connection.execute(
        """
        select kpi || ' ' || cadence || ' ' || period_start::varchar
            || case when dimension = 'total' then '' else ' ' || dimension || ' ' || dimension_value end
            || ': ' || coalesce(round(old_value, 4)::varchar, 'none') || ' → '
            || coalesce(round(new_value, 4)::varchar, 'none') || ' (' || cause_parts || ')'
        from ledger_rows where was_final
        order by dimension <> 'total', abs(coalesce(new_value, 0) - coalesce(old_value, 0)) desc, kpi, cadence,
            period_start, dimension_value limit 5
        """
    ).fetchall()
    assert counts is not None  # noqa: S101 - an aggregate has one row
    return Recorded(counts[0], counts[1], tuple(text for (text,) in examples))
