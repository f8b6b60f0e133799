"""dbt's models as assets, in the steps a refresh takes: unified entities, marts, the KPIs of each cadence, the
scorecard.

Flow: lake → staging → intermediate │ core → attribution │ kpi_values_<period> │ kpi_values, kpi_catalogue,
kpi_scorecard. A bar is a step's end, where a gate stands (`assets/gates.py`). dbt is given no window: models find
what changed in the lake. The partitions of `kpi_values_<period>` say which periods a run was asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from orchestration import dbt, partitions
from orchestration.progress import report
from orchestration.resources import Warehouse
from orchestration.translators import WAREHOUSE_POOL, ModelTranslator

if TYPE_CHECKING:
    from ingestion.settings import Settings

# Dagster stores a model's metadata with every partition of a run: columns and lineage of two years of days are 60 MB.
MOST_PARTITIONS_WITH_COLUMNS = 31
KPI_FOLDER = "fqn:marts.kpi"
KPI_PERIODS = "fqn:intermediate.kpi"  # which periods are due
FROM_MARTS = f"{KPI_PERIODS} fqn:intermediate.attribution fqn:intermediate.days"  # made from marts
OUT_OF_MEMORY = "Out of Memory"
PERIODS = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True)
class Step:
    """One dbt step; `select` and `exclude` are dbt selections. The year has no partitions."""

    name: str
    select: str
    exclude: str = ""
    cadence: str | None = None

    @property
    def arguments(self) -> list[str]:
        return ["--select", self.select, *(["--exclude", self.exclude] if self.exclude else [])]


KPI_STEPS = tuple(
    Step(f"dbt_kpi_{period}", f"kpi_values_{period}", cadence=cadence)
    for period, cadence in zip(PERIODS, ("daily", "weekly", "monthly", "quarterly", None), strict=True)
)
STEPS = (
    Step("dbt_unified", "resource_type:seed fqn:staging fqn:intermediate", exclude=FROM_MARTS),
    Step("dbt_marts", f"fqn:marts {FROM_MARTS}", exclude=KPI_FOLDER),
    *KPI_STEPS,
    Step("dbt_scorecard", KPI_FOLDER, exclude=" ".join(step.select for step in KPI_STEPS)),
)


def model_assets(settings: "Settings", manifest: Mapping[str, Any]) -> list[dg.AssetsDefinition]:
    """Every model, seed and dbt test, one definition per step."""
    cadences = partitions.cadences(settings)
    translator = ModelTranslator()
    return [_step_assets(step, manifest, translator, cadences) for step in STEPS]


def _step_assets(
    step: Step,
    manifest: Mapping[str, Any],
    translator: DagsterDbtTranslator,
    cadences: Mapping[str, partitions.Cadence],
) -> dg.AssetsDefinition:
    cadence = cadences[step.cadence] if step.cadence else None

    @dbt_assets(
        manifest=manifest,
        select=step.select,
        exclude=f"resource_type:unit_test {step.exclude}".strip(),
        name=step.name,
        dagster_dbt_translator=translator,
        partitions_def=cadence.partitions if cadence else None,
        backfill_policy=dg.BackfillPolicy.single_run() if cadence else None,
        pool=WAREHOUSE_POOL,
    )
    def run_dbt(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
        yield from build(context, step, manifest, translator)

    return run_dbt


def build(
    context: dg.AssetExecutionContext, step: Step, manifest: Mapping[str, Any], translator: DagsterDbtTranslator
) -> Iterator[Any]:
    """Run one step, yield its assets and checks with their metadata, and fail with what dbt said if anything failed."""
    from ingestion.settings import settings
    from orchestration.warehouse import ModelFacts

    now = settings()
    if step.name == "dbt_scorecard":
        _first_periods(context, now, manifest)
    done = dbt.build(
        now,
        _selection(context, step),
        progress=lambda count, total, name: report(step.name, f"{count} of {total}: {name}"),
    )
    facts = ModelFacts(now, manifest, translator)
    long_range = bool(step.cadence) and len(context.partition_keys) > MOST_PARTITIONS_WITH_COLUMNS
    for raw in done.events:
        if step in KPI_STEPS and _is_of_periods(manifest, raw["data"]["node_info"]["unique_id"]):
            continue  # another step's asset, made anew on the way
        message = DbtCoreCliEventMessage(raw_event=raw, event_history_metadata={})
        for event in message.to_default_asset_events(manifest, translator, context):
            if isinstance(event, dg.Output):
                known = facts.metadata(raw["data"]["node_info"]["unique_id"], with_columns=not long_range)
                yield event.with_metadata({**event.metadata, **known})
            else:
                yield event
    if done.errors:
        raise dg.Failure(description=failure(done), metadata={"dbt": "\n".join(done.errors)}, allow_retries=False)


def _selection(context: dg.AssetExecutionContext, step: Step) -> list[str]:
    """The step's own selection, or the models that were picked in the UI, by name, with their tests."""
    definition = context.assets_def
    if context.selected_asset_keys == set(definition.node_keys_by_output_name.values()):
        return [*step.arguments, *_periods(context, step)]
    names = [key.path[-1] for key in context.selected_asset_keys]
    checks = [
        check.name for check in context.selected_asset_check_keys if check.asset_key not in context.selected_asset_keys
    ]
    return ["--select", *sorted([*names, *checks])]


def _periods(context: dg.AssetExecutionContext, step: Step) -> list[str]:
    """What a KPI step of a run that builds no facts selects besides its own: which periods are due, of the tables as
    they are. What the last daily run said is not enough: one that failed half-way left tables newer than its word.
    """
    in_run = context.job_def.asset_layer.selected_asset_keys
    return [KPI_PERIODS] if step in KPI_STEPS and not any(key.path[-1] == "int_kpi__periods" for key in in_run) else []


def _is_of_periods(manifest: Mapping[str, Any], unique_id: str) -> bool:
    return list(manifest["nodes"][unique_id]["fqn"][1:3]) == ["intermediate", "kpi"]


def _first_periods(context: dg.AssetExecutionContext, settings: "Settings", manifest: Mapping[str, Any]) -> None:
    """Build the KPI tables of cadences that never ran: `kpi_values` unites all of them, on the first day too."""
    from orchestration.warehouse import existing

    there = existing(settings)
    missing = [step.select for step in KPI_STEPS if step.select not in there and _in_manifest(manifest, step.select)]
    if missing:
        context.log.info(f"first build of {', '.join(missing)}, which the scorecard reads beside this run's cadence")
        done = dbt.build(settings, ["--select", *missing])
        if done.errors:
            raise dg.Failure(description=failure(done), metadata={"dbt": "\n".join(done.errors)}, allow_retries=False)


def _in_manifest(manifest: Mapping[str, Any], name: str) -> bool:
    return any(node["name"] == name for node in manifest["nodes"].values())


def failure(done: dbt.Build) -> str:
    """Names of what failed, dbt's first error in one line, and the mend where a setting is one."""
    failed: Sequence[str] = [
        event["data"]["node_info"]["node_name"]
        for event in done.events
        if event["data"]["node_info"]["node_status"] in {"error", "fail", "runtime error"}
    ]
    if any(OUT_OF_MEMORY in error for error in done.errors):
        reason = (
            f"{OUT_OF_MEMORY} of the warehouse: set KPILOTE_WAREHOUSE_MEMORY higher (1GB where it is not set) and run"
            " again; nothing is lost"
        )
    else:
        reason = " ".join(done.errors[0].split())[:400]
    return f"dbt failed on {', '.join(failed[:5]) or 'the project'}: {reason}"
