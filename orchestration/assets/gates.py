"""The gates as blocking asset checks: what stands downstream of a failed gate does not run, in the same run.

One check per table and gate, on the table's own asset; its metadata lists every expectation. One check step runs
between two steps of the pipeline: raw before any model, unified before the marts, marts before the KPIs and again
before the release. What is expected stands in `expectations`; which step makes which table is read from the assets,
so a new suite needs nothing here.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from ingestion.registry import SOURCES
from orchestration.progress import report
from orchestration.resources import Warehouse, since
from orchestration.translators import WAREHOUSE_POOL

if TYPE_CHECKING:
    from expectations.gate import GateName, TableResult
    from ingestion.settings import Settings

PREFIX = "gate_"
ACCEPTED = "accepted"  # metadata: what of the failures a person accepted, until when and why
EXPECTATION_SCHEMA = dg.TableSchema(
    [
        *(dg.TableColumn(name, "string") for name in ("expectation", "column", "severity", "result")),
        dg.TableColumn("unexpected", "int"),
        dg.TableColumn("observed", "string"),
    ]
)
# Runs among which one may have overtaken another.
RECENT_RUNS = 200
PLANNING_SECONDS = 60.0  # that a run's planned checks may be stored after the run, and clocks be apart
# Verdicts a release may rest on.
PUBLISHABLE = ("passed", "warned")


def gate_checks(settings: "Settings", assets: Collection[dg.AssetsDefinition]) -> list[dg.AssetChecksDefinition]:
    """The check steps: for each gate one per pipeline step that makes tables the gate judges (raw: one for all
    sources).

    A gate that judges tables of two steps is split, because the later step must not start before the earlier one's
    tables were judged, and the check of the later ones cannot run before it ended.
    """
    from expectations import gate
    from expectations.model import GATES

    made_by = {key: definition for definition in assets for key in definition.keys}
    by_name = {table_name(key): key for key in made_by}
    checks = []
    for name in GATES:
        steps: dict[str, dict[str, dg.AssetKey]] = {}
        for table in gate.tables(name, settings=settings):
            key = by_name.get(table)
            if key is not None:
                step = "lake" if name == "raw" else str(made_by[key].op.name)
                steps.setdefault(step, {})[table] = key
        checks += [_check_step(name, step, tables) for step, tables in steps.items()]
    return checks


def table_name(key: dg.AssetKey) -> str:
    """The name the gates and people know a table by: `hubspot.deals` in the lake, `fct_deals` in the warehouse."""
    return ".".join(key.path) if key.path[0] in SOURCES else key.path[-1]


def _check_step(name: "GateName", step: str, tables: Mapping[str, dg.AssetKey]) -> dg.AssetChecksDefinition:
    table_of = {key: table for table, key in tables.items()}

    step_name = f"{PREFIX}{name}" if step == "lake" else f"{PREFIX}{name}_after_{step}"

    @dg.multi_asset_check(
        name=step_name,
        specs=[
            dg.AssetCheckSpec(
                f"{PREFIX}{name}", asset=key, blocking=True, description=f"Gate {name}: every expectation on {table}."
            )
            for table, key in tables.items()
        ],
        can_subset=True,
        pool=WAREHOUSE_POOL,
    )
    def judge(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        from expectations import gate
        from ingestion.settings import settings

        keys = {check.asset_key for check in context.selected_asset_check_keys}
        report(step_name, f"{len(keys)} tables")
        result = gate.run(name, settings=settings(), tables=sorted(table_of[key] for key in keys))
        found = {table.table: table for table in result.tables}
        for key in sorted(keys):
            yield _check_result(name, key, found[table_of[key]])
        if not result.passed:
            context.log.error(result.message())
            report(step_name, result.message())

    return judge


def _check_result(name: str, key: dg.AssetKey, table: "TableResult") -> dg.AssetCheckResult:
    """Passed, warned or failed, with every expectation as a row of a table in the UI."""
    worst = [each for each in table.failures if each.severity == "critical"] or table.failures
    holding = f"{len(table.expectations)} expectations hold"
    accepted = [
        {"expectation": each.name, "id": finding.id, "found": finding.text, "accepted": finding.accepted}
        for each in table.failures
        for finding in each.findings
        if finding.accepted
    ]
    return dg.AssetCheckResult(
        passed=table.passed,
        asset_key=key,
        check_name=f"{PREFIX}{name}",
        severity=dg.AssetCheckSeverity.ERROR if table.blocked else dg.AssetCheckSeverity.WARN,
        description="; ".join(each.message for each in worst[:3]) or holding,
        metadata={
            "expectations": dg.MetadataValue.table(
                [
                    dg.TableRecord(
                        {
                            "expectation": each.name,
                            "column": each.column or "",
                            "severity": each.severity,
                            "result": "passed" if each.success else "accepted" if each.accepted else "FAILED",
                            "unexpected": each.unexpected_count or 0,
                            "observed": "" if each.observed is None else str(each.observed),
                        }
                    )
                    for each in table.expectations
                ],
                schema=EXPECTATION_SCHEMA,
            ),
            **({"unexpected_rows": dg.MetadataValue.md(_samples(worst))} if worst else {}),
            **({ACCEPTED: dg.MetadataValue.json(accepted)} if accepted else {}),
            **({"data_docs": dg.MetadataValue.url(table.docs_url)} if table.docs_url else {}),
        },
    )


def _samples(failed: Collection[Any]) -> str:
    """The unexpected rows of each failed expectation; personal columns reach this place hashed."""
    return "\n\n".join(
        f"**{each.name}**: {each.message}\n```\n"
        + "\n".join(json.dumps(row, default=str, ensure_ascii=False) for row in each.unexpected_sample)
        + "\n```"
        for each in failed
    )


def latest(instance: dg.DagsterInstance, checks: Collection[dg.AssetChecksDefinition]) -> list[dict[str, Any]]:
    """What every gate last said, table by table: the evidence a release is published with."""
    gates: dict[str, dict[str, Any]] = {}
    specs = [spec for definition in checks for spec in definition.check_specs]
    records = _newest(instance, [spec.key for spec in specs])
    built = {
        record.asset_entry.asset_key: record.asset_entry.last_materialization
        for record in instance.get_asset_records([spec.asset_key for spec in specs])
    }
    for spec in specs:
        table = built.get(spec.asset_key)
        verdict = _verdict(records.get(spec.key), table.timestamp if table else 0.0)
        entry = gates.setdefault(spec.name.removeprefix(PREFIX), {"passed": True, "expectations": 0, "tables": {}})
        entry["passed"] = entry["passed"] and verdict["verdict"] in PUBLISHABLE
        entry["expectations"] += verdict["expectations"]
        entry["tables"][".".join(spec.asset_key.path)] = verdict
    return [{"gate": name, **entry} for name, entry in gates.items()]


def _newest(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetCheckKey]
) -> dict[dg.AssetCheckKey, AssetCheckExecutionRecord]:
    """The record of each check by the run that had the warehouse last. Dagster's order is that of their plans, made
    when a run is asked for: one that waits in the queue or for the lock has touched nothing, and may be overtaken.
    A run that was deleted leaves its records, which count from when they were made.
    """
    log = instance.event_log_storage
    recent = {each.dagster_run.run_id: each for each in instance.get_run_records(limit=RECENT_RUNS)}
    runs = {run_id: since(each.dagster_run) for run_id, each in recent.items()}

    def is_in_order(record: AssetCheckExecutionRecord) -> bool:
        """Whether no run planned before it may have had the warehouse after it. Runs asked for at one moment are
        stored and planned in any order.
        """
        mine = runs.get(record.run_id)
        return mine is not None and not any(
            each.create_timestamp.timestamp() <= record.create_timestamp + PLANNING_SECONDS
            and (runs[other] or 0.0) > mine
            for other, each in recent.items()
        )

    def touched(record: AssetCheckExecutionRecord) -> float | None:
        if record.run_id in runs and record.status is AssetCheckExecutionRecordStatus.PLANNED:
            return runs[record.run_id]
        written = record.event.timestamp if record.event else record.create_timestamp
        return runs.get(record.run_id) or written

    newest = dict(log.get_latest_asset_check_execution_by_key(list(keys)))
    for key in [key for key, record in newest.items() if not is_in_order(record)]:
        history = log.get_asset_check_execution_history(key, limit=RECENT_RUNS)
        having = [(moment, record.id, record) for record in history if (moment := touched(record)) is not None]
        if having:
            newest[key] = max(having, key=lambda each: each[:2])[2]
        else:
            del newest[key]
    return newest


def _verdict(record: AssetCheckExecutionRecord | None, built_at: float) -> dict[str, Any]:
    """The newest evaluation of one check in words; a run that stopped before the check leaves only the plan of one."""
    entry = record.event if record else None
    event = entry.dagster_event if entry else None
    if (
        record is None
        or entry is None
        or event is None
        or event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ):
        verdict = "never judged" if record is None else "not judged, its run stopped before"
        return {"verdict": verdict, "expectations": 0, "detail": None, ACCEPTED: [], "run_id": record and record.run_id}
    evaluation = event.asset_check_evaluation_data
    failed = not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR
    verdict = "failed" if failed else "passed" if evaluation.passed else "warned"
    if entry.timestamp < built_at:
        verdict = "not judged since it was built"
    listed = evaluation.metadata["expectations"].value
    accepted = evaluation.metadata.get(ACCEPTED)
    return {
        "verdict": verdict,
        "expectations": len(listed.records) if isinstance(listed, dg.TableMetadataValue) else 0,
        "detail": evaluation.description,
        ACCEPTED: accepted.value if accepted else [],
        "run_id": record.run_id,
    }
