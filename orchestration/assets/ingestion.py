"""One asset step per source: its lake tables, pulled by `ingestion.lake.pull`.

Flow: vendor API → `lake/{source}/{table}` → asset `{source}/{table}`. Window tables of an API are partitioned by day,
and any range of days is one pull; record tables and the files people edit are not partitioned: they bring what
changed since the last pull, whichever days the run is about.
"""

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from ingestion.registry import SOURCES, Source
from orchestration import partitions
from orchestration.progress import report
from orchestration.translators import table_key, table_spec

if TYPE_CHECKING:
    from ingestion.lake import Pull
    from ingestion.settings import Settings

# A second chance for faults that pass, minutes after the connector's own retries of single requests gave up.
RUN_RETRIES = 2
RETRY_SECONDS = 60


def source_assets(settings: "Settings") -> list[dg.AssetsDefinition]:
    """The ingestion step of every source that KPILOTE_SOURCES names."""
    daily = partitions.cadences(settings)["daily"]
    return [source_asset(SOURCES[name], daily) for name in settings.sources]


def source_asset(source: Source, daily: partitions.Cadence) -> dg.AssetsDefinition:
    """All tables of one source as the outputs of one step."""
    windows = {table.name for table in source.window_tables} if source.is_api else set()
    freshness = partitions.freshness_policy(daily)

    @dg.multi_asset(
        name=source.name,
        specs=[
            table_spec(
                source,
                table,
                freshness_policy=freshness,
                partitions_def=daily.partitions if table.name in windows else None,
            )
            for table in source.tables.values()
        ],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run() if windows else None,
        pool=source.name,
        op_tags={"kpilote/source": source.name},
    )
    def pull_source(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        pulled = pull(context, source.name)
        for table in source.tables.values():
            if table_key(table) in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=table_key(table), metadata=table_metadata(pulled, table.name))

    return pull_source


def pull(context: dg.AssetExecutionContext, name: str) -> "Pull":
    """Pull a source; a passing fault asks Dagster for another try, a lasting one fails the step with its own line."""
    from ingestion import lake
    from ingestion.errors import KpiloteError, TransientSourceError
    from ingestion.settings import settings

    start, end = window(context, settings())
    is_frozen = name in settings().frozen_sources
    doing = "history, not pulled" if is_frozen else f"pulling {start} to {end - dt.timedelta(days=1)}"
    context.log.info(f"{name}: {doing}")

    def notice(line: str) -> None:
        context.log.info(f"{name}: {line}")
        report(name, line)

    try:
        lake.prepare(settings())
        return lake.pull(
            name,
            start,
            end,
            settings=settings(),
            progress=lambda source, table, rows: report(source, f"{table}: {rows:,} rows"),
            notice=notice,
        )
    except TransientSourceError as error:
        context.log.warning(f"{error} – trying again in {RETRY_SECONDS} s")
        raise dg.RetryRequested(max_retries=RUN_RETRIES, seconds_to_wait=RETRY_SECONDS) from error
    except KpiloteError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def window(context: dg.AssetExecutionContext, settings: "Settings") -> tuple[dt.date, dt.date]:
    """The days [start, end) a pull covers: those of the run, or yesterday when the run is about no days."""
    tags = context.run.tags
    key = tags.get("dagster/partition")
    first, last = (
        tags.get("dagster/asset_partition_range_start", key),
        tags.get("dagster/asset_partition_range_end", key),
    )
    if first and last:
        return partitions.day(first), partitions.day(last) + dt.timedelta(days=1)
    today = partitions.today(settings)
    return today - dt.timedelta(days=1), today


def table_metadata(pulled: "Pull", table: str) -> dict[str, Any]:
    """What a pull did to one table; Dagster draws the numbers over time."""
    start, end = pulled.window
    return {
        "rows_loaded": pulled.rows.get(table, 0),
        "rows_quarantined": pulled.quarantined.get(table, 0),
        "rows_suppressed": pulled.suppressed.get(table, 0),
        "load_ids": ", ".join(pulled.load_ids) or "none: nothing was new",
        "window": f"{start} to {end - dt.timedelta(days=1)}",
    }
