"""What a gate said: results per expectation, table and gate, their one clear message and their JSON.

Belongs here: plain data that outlives the run (asset checks, release manifests, the runner's table). Does not:
anything of Great Expectations; `read` is the only place that knows the shape of its answers.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from expectations.model import Expectation, GateName, Severity, Suite

SAMPLE_ROWS = 20  # unexpected rows kept per expectation
SHOWN_FAILURES = 20  # failures a gate's message names before it says how many more there are


@dataclass(frozen=True)
class ExpectationResult:
    """One expectation's answer. unexpected_sample: at most 20 rows, personal columns hashed."""

    name: str
    column: str | None
    severity: Severity
    success: bool
    observed: str | None
    unexpected_count: int | None
    unexpected_sample: tuple[Mapping[str, Any], ...]
    message: str


@dataclass(frozen=True)
class TableResult:
    """One table's answer. passed: nothing failed; blocked: something critical did. docs_url: its Data Docs page."""

    table: str
    expectations: tuple[ExpectationResult, ...]
    docs_url: str | None = None

    @property
    def failures(self) -> tuple[ExpectationResult, ...]:
        """What failed, critical first."""
        failed = [each for each in self.expectations if not each.success]
        return tuple(sorted(failed, key=lambda each: each.severity))

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def blocked(self) -> bool:
        return any(each.severity == "critical" for each in self.failures)


@dataclass(frozen=True)
class GateResult:
    """A gate's answer. passed: no critical expectation failed, warnings may have."""

    gate: GateName
    run_id: str
    judged_at: dt.datetime
    tables: tuple[TableResult, ...]
    path: Path

    @property
    def passed(self) -> bool:
        return not any(table.blocked for table in self.tables)

    def message(self) -> str:
        """The verdict, then one line per failure: gate, table, column, expectation, count and mend."""
        judged = f"{sum(len(table.expectations) for table in self.tables)} expectations on {len(self.tables)} tables"
        lines = [each.message for table in self.tables for each in table.failures if each.severity == "critical"]
        warnings = [each.message for table in self.tables for each in table.failures if each.severity == "warning"]
        if not lines and not warnings:
            return f"gate {self.gate}: {judged} hold"
        verdict = f"failed: {len(lines)} critical" if lines else "passed with"
        more = len(lines) + len(warnings) - SHOWN_FAILURES
        shown = [*lines, *warnings][:SHOWN_FAILURES]
        return "\n".join(
            [
                f"gate {self.gate} {verdict}{' and' if lines else ''} {len(warnings)} warnings ({judged})",
                *shown,
                *([f"… and {more} more, see {self.path}"] if more > 0 else []),
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: what is stored, and the evidence a release keeps."""
        return {
            "gate": self.gate,
            "run_id": self.run_id,
            "judged_at": self.judged_at.isoformat(),
            "passed": self.passed,
            "tables": [
                {"table": table.table, "passed": table.passed, "blocked": table.blocked, "docs_url": table.docs_url}
                | {"expectations": [asdict(each) for each in table.expectations]}
                for table in self.tables
            ],
        }

    def store(self) -> None:
        """Write the result as JSON to `path`, in one step: the index of Data Docs reads every result that is there."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.to_dict(), indent=1, ensure_ascii=False), encoding="utf-8")
        part.replace(self.path)


def read(suite: Suite, expectation: Expectation, answer: Mapping[str, Any]) -> ExpectationResult:
    """One expectation's result from GX's answer (its JSON form: success, result, exception_info)."""
    found = answer.get("result") or {}
    error = None if answer["success"] else _error(answer.get("exception_info") or {})
    count = found.get("observed_value" if expectation.kind == "ExpectNoRows" else "unexpected_count")
    rows = found.get("partial_unexpected_index_list") or (found.get("details") or {}).get("unexpected_rows") or ()
    observed = f"{count} of {found['element_count']}" if "element_count" in found else found.get("observed_value")
    return ExpectationResult(
        name=expectation.name,
        column=expectation.column,
        severity=expectation.severity,
        success=bool(answer["success"]),
        observed=error or (None if observed is None else str(observed)),
        unexpected_count=count,
        unexpected_sample=tuple({key: plain(value) for key, value in row.items()} for row in rows[:SAMPLE_ROWS]),
        message=message(suite, expectation, bool(answer["success"]), count, error),
    )


def unreadable(suite: Suite, why: str) -> TableResult:
    """The result of a table that is not there: one critical failure that says so."""
    expectation = Expectation(
        "readable", "", {}, reason="Nothing can be said of a table that cannot be read.", mend=f"It was not: {why}."
    )
    text = message(suite, expectation, False, None, why)
    return TableResult(
        suite.table, (ExpectationResult("readable", None, expectation.severity, False, why, None, (), text),)
    )


def message(suite: Suite, expectation: Expectation, success: bool, count: int | None, error: str | None) -> str:
    """`gate raw, hubspot.deals.amount: amount_not_negative failed for 3 rows. Why. Mend.`"""
    where = suite.table if expectation.column is None else f"{suite.table} ({expectation.column})"
    if success:
        return f"gate {suite.gate}, {where}: {expectation.name} holds"
    told = f" for {count} row{'' if count == 1 else 's'}" if count is not None else f": {error}" if error else ""
    return (
        f"gate {suite.gate}, {where}: {expectation.name} ({expectation.severity}) failed{told}."
        f" {expectation.reason} {expectation.mend}"
    )


def plain(value: Any) -> Any:
    """A value as JSON keeps it: numbers exact, everything else as text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _error(info: Mapping[str, Any]) -> str | None:
    """First line of what went wrong in GX or DuckDB; GX gives one record or one per metric."""
    records = [info, *(each for each in info.values() if isinstance(each, Mapping))]
    texts = [str(each["exception_message"]) for each in records if each.get("exception_message")]
    return texts[0].strip().splitlines()[0] if texts else None
