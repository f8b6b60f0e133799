"""The terminal of `kpilote`: one line per finished step, what the current one is at, and everything else in a log file.

Belongs here: what a person sees while a command runs. Does not: what the commands do (`cli`) or the scorecard
(`serving/report`).
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from orchestration.progress import listening

if TYPE_CHECKING:  # seconds that a command which runs nothing need not wait
    from dagster import DagsterEvent

STEP_LABELS = {
    "gate_raw": "gate: raw data",
    "dbt_unified": "model: unified entities",
    "gate_unified_after_dbt_unified": "gate: unified entities",
    "dbt_marts": "model: facts, dimensions, attribution",
    "gate_marts_after_dbt_marts": "gate: facts, dimensions, attribution",
    "dbt_scorecard": "model: KPI values and scorecard",
    "gate_marts_after_dbt_scorecard": "gate: KPI values and scorecard",
    "serving__release": "publish: release",
    "serving__scorecard_page": "publish: scorecard page",
}


class StepLines:
    """Watches a run: a line per finished step stays, the line below it says what the current step is at."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._step = ""
        self._started = 0.0
        self._made: dict[str, Any] = {}
        self._checked = 0

    @contextlib.contextmanager
    def shown(self) -> Iterator[StepLines]:
        with self._console.status("starting") as self._status, listening(self._note):
            yield self

    def __call__(self, event: DagsterEvent) -> None:
        if event.is_step_start or event.is_step_restarted:
            self._step, self._started, self._made, self._checked = event.step_key or "", time.monotonic(), {}, 0
            self._note(self._step, "")
        elif event.is_step_materialization:
            made = event.step_materialization_data.materialization
            self._made[made.asset_key.to_user_string()] = made.metadata
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._checked += 1
        elif event.is_step_success or event.is_step_failure:
            mark = "[green]✓[/]" if event.is_step_success else "[red]✗[/]"
            seconds = time.monotonic() - self._started
            self._console.print(f"  {mark} {label(self._step):<38} {seconds:6.1f} s   [dim]{self._summary()}[/]")
        elif event.is_step_up_for_retry:
            wait = event.step_retry_data.seconds_to_wait or 0
            self._console.print(f"  [yellow]↻[/] {label(self._step):<38}   [dim]again in {wait:.0f} s[/]")
        elif event.is_step_skipped:
            self._console.print(f"  [dim]– {label(event.step_key or ''):<38}   not run[/]")

    def _note(self, step: str, line: str) -> None:
        if self._status is not None:
            self._status.update(f"{label(self._step or step)}  [dim]{escape(line)}[/]")

    def _summary(self) -> str:
        """What the step made, in a few words."""
        if self._step.startswith("gate_"):
            return f"{self._checked} tables judged"
        if self._step.startswith("dbt_"):
            return f"{len(self._made)} models, {self._checked} tests"
        loaded = [made["rows_loaded"].value for made in self._made.values() if "rows_loaded" in made]
        refused = sum(made["rows_quarantined"].value for made in self._made.values() if "rows_quarantined" in made)
        if loaded:
            return f"{sum(loaded):,} rows in {len(loaded)} tables" + (f", {refused:,} quarantined" if refused else "")
        return ", ".join(str(made["release"].value) for made in self._made.values() if "release" in made)


def label(step: str) -> str:
    """A step's name in words."""
    if step.startswith("dbt_kpi_"):
        return f"model: KPIs per {step.removeprefix('dbt_kpi_')}"
    return STEP_LABELS.get(step) or f"pull: {step}"


@contextlib.contextmanager
def logged(path: Path) -> Iterator[None]:
    """Send what libraries print to a log file for a while; a console made before keeps the terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two handles, because Dagster captures a step's standard output and its standard error one after the other.
    with (
        path.open("a", encoding="utf-8", buffering=1) as out,
        path.open("a", encoding="utf-8", buffering=1) as err,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        yield


def console() -> Console:
    """The terminal as it is now, before anything is redirected."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def settings_table(before: Mapping[str, str], now: Mapping[str, str]) -> Table:
    """The names of settings and what became of them; their values may be secrets."""
    table = Table("Setting", "in .env", box=None, pad_edge=False)
    for name, value in now.items():
        fate = "new" if name not in before else "kept" if before[name] == value else "changed"
        table.add_row(name, fate)
    return table
