"""The four refreshes, which the schedule, the Dagster UI and `kpilote refresh` all start, and the lake's upkeep."""

from collections.abc import Collection, Mapping

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from orchestration.assets.dbt import PERIODS
from orchestration.partitions import Cadence
from orchestration.resources import Warehouse
from orchestration.translators import WAREHOUSE_POOL

COMPACT_JOB = "compact_lake"


def refresh_jobs(
    cadences: Mapping[str, Cadence], assets: Collection[dg.AssetsDefinition]
) -> list[UnresolvedAssetJobDefinition]:
    """One job per cadence, each one run whatever the range of partitions; the gates on its assets come with them.

    Daily: everything but the KPIs of the longer periods. The others: their own KPIs (the year with the month), the
    scorecard and the release. The facts these read were judged when the daily run built them, and the release looks at
    that verdict too.
    """
    steps = {str(definition.op.name): definition for definition in assets}
    kpis = {f"dbt_kpi_{period}" for period in PERIODS}
    of_cadence = {name: {f"dbt_kpi_{cadence.period}"} for name, cadence in cadences.items()}
    of_cadence["monthly"].add("dbt_kpi_year")
    closing = {"dbt_scorecard", "serving__release", "serving__scorecard_page"}

    def selection(name: str) -> dg.AssetSelection:
        chosen = set(steps) - (kpis - of_cadence[name]) if name == "daily" else of_cadence[name] | closing
        return dg.AssetSelection.assets(*(steps[step] for step in sorted(chosen)))

    return [
        dg.define_asset_job(
            cadence.job_name,
            selection=selection(name),
            partitions_def=cadence.partitions,
            description=f"Refresh the {name} indicators: every cell that changed, whichever its date.",
            tags={"kpilote/cadence": name},
        )
        for name, cadence in cadences.items()
    ]


@dg.op(pool=WAREHOUSE_POOL, description="Exchange many small files of old loads for one per table.")
def exchange_files(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    from ingestion.compaction import compact_all
    from ingestion.settings import settings

    compact_all(settings(), lambda each: context.log.info(f"{each.table}: {each.files} files, {each.rows:,} rows"))


@dg.job(
    name=COMPACT_JOB,
    description="Keep the lake fast to read as loads add up. What it says, and what it said at any moment, stays.",
)
def compact_lake() -> None:
    exchange_files()
