"""What people are told of a run: that it failed, whoever started it, or that it changed numbers that had been final.
One line in the alerts file and in the daemon's log.

To be told elsewhere too, append a function to `SENDERS`: it gets the alert and may post it wherever the team looks.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster._core.execution.plan.objects import ErrorSource, StepFailureData
from dagster_shared.error import SerializableErrorInfo

from ingestion.settings import settings

ALERTS_FILE = "alerts.jsonl"
LONGEST_REASON = 600
STOPPED = "it was stopped; the next refresh goes on from what is there"
# What Python puts before the words of an error.
_PREFIX = re.compile(r"^[\w.]+: ")


@dataclass(frozen=True)
class Alert:
    """A run in words. `verb` says what it did at `step`; `reason` names source, table, model or KPI cells and, where
    known, the mend.
    """

    at: str
    job: str
    partitions: str
    step: str
    reason: str
    run_id: str
    verb: str = "failed"

    def line(self) -> str:
        return f"{self.job} [{self.partitions}] {self.verb} at {self.step}: {self.reason} (run {self.run_id})"


Sender = Callable[[Alert], None]


def write_line(alert: Alert) -> None:
    """Append the alert to KPILOTE_HOME/alerts.jsonl."""
    path = settings().home / ALERTS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({**asdict(alert), "line": alert.line()}, ensure_ascii=False) + "\n")


SENDERS: list[Sender] = [write_line]


def alert_sensor() -> dg.SensorDefinition:
    """The sensor behind the alerts, running from the first start of the daemon."""

    @dg.run_failure_sensor(
        name="alert_on_failure",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Writes one clear line per failed run to alerts.jsonl under KPILOTE_HOME.",
    )
    def alert_on_failure(context: dg.RunFailureSensorContext) -> None:
        alert = describe(context.dagster_run, context.instance)
        context.log.error(alert.line())
        send_all(alert)

    return alert_on_failure


def send_all(alert: Alert) -> None:
    """Tell everybody who wants to know."""
    for send in SENDERS:
        send(alert)


def describe(run: dg.DagsterRun, instance: dg.DagsterInstance) -> Alert:
    """The first step that failed and what it said, in one line."""
    return about(run, *first_failure(run, instance))


def about(run: dg.DagsterRun, step: str, reason: str, verb: str = "failed") -> Alert:
    """An alert about a run."""
    tags = run.tags
    key = tags.get("dagster/partition", "no partitions")
    first, last = tags.get("dagster/asset_partition_range_start"), tags.get("dagster/asset_partition_range_end")
    return Alert(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        job=run.job_name,
        partitions=f"{first} to {last}" if first and last else key,
        step=step,
        reason=_one_line(reason),
        run_id=run.run_id,
        verb=verb,
    )


def first_failure(run: dg.DagsterRun, instance: dg.DagsterInstance) -> tuple[str, str]:
    """Step and reason of a run's first failure; a failed gate speaks through its checks, which name table and count."""
    failed_checks = []
    for record in instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records:
        event = record.event_log_entry.get_dagster_event()
        check = event.asset_check_evaluation_data
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
            name = ".".join(check.asset_key.path)
            failed_checks.append((event.step_key or "", f"{name}: {check.description or check.check_name}"))
    for record in instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records:
        event = record.event_log_entry.get_dagster_event()
        step = event.step_key or "the run"
        of_step = [text for failed_step, text in failed_checks if failed_step == step and step.startswith("gate_")]
        # Of many checks each says as much as there is room for: its table and count come first.
        each = (LONGEST_REASON + 2) // max(len(of_step), 1) - 2
        return step, "; ".join(_one_line(text, each) for text in of_step) or _one_line(_words(event.step_failure_data))
    for record in instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records:
        event = record.event_log_entry.get_dagster_event()
        error = event.job_failure_data.error
        # The right to write the warehouse was refused, before any step.
        innermost = _PREFIX.sub("", _innermost(error)) if error else event.message or "no message"
        return "the run", _one_line(innermost)
    return "the run", "it ended without a message: see its log in the Dagster UI"


def _words(failure: StepFailureData) -> str:
    if failure.error_source is ErrorSource.INTERRUPT:
        return STOPPED
    if failure.user_failure_data and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    return _innermost(failure.error) if failure.error else "no message"


def _innermost(error: SerializableErrorInfo) -> str:
    while error.cause is not None:
        error = error.cause
    return error.message


def _one_line(text: str, longest: int = LONGEST_REASON) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
