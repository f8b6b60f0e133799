"""What a gate said: results per expectation, table and gate, their one clear message and their JSON.

Belongs here: plain data that outlives the run (asset checks, release manifests, the runner's table). Does not:
anything of Great Expectations; `read` is the only place that knows the shape of its answers.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from expectations.acceptance import Acceptance
from expectations.model import Expectation, GateName, Severity, Suite
from expectations.sight import ADDRESS, MASK

SAMPLE_ROWS = 20  # unexpected rows kept per expectation
SHOWN_FINDINGS = 3  # findings a message tells before it says how many more there are
ID_LENGTH = 10  # of a finding's id, in hexadecimal digits
SHOWN_FAILURES = 20  # failures a gate's message names before it says how many more there are


@dataclass(frozen=True)
class Finding:
    """One thing an expectation found, as a person may accept it.

    id: the same for the same gate, table, expectation and `about`, run after run. size: how far off it is; a finding
    that grew is not the one accepted. accepted: who accepted it until when and why, where that still holds.
    """

    id: str
    about: str
    size: float
    text: str
    acceptable: bool
    accepted: str | None = None


@dataclass(frozen=True)
class ExpectationResult:
    """One expectation's answer. unexpected_sample: at most 20 rows, personal columns hashed.

    severity: warning also where everything found was accepted.
    """

    name: str
    column: str | None
    severity: Severity
    success: bool
    observed: str | None
    unexpected_count: int | None
    unexpected_sample: tuple[Mapping[str, Any], ...]
    message: str
    findings: tuple[Finding, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether a person accepted everything it found."""
        return _settled(self.findings, self.unexpected_count)


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


def read(
    suite: Suite,
    expectation: Expectation,
    answer: Mapping[str, Any],
    accepted: Mapping[str, Acceptance],
    now: dt.datetime,
) -> ExpectationResult:
    """One expectation's result from GX's answer (its JSON form: success, result, exception_info)."""
    found = answer.get("result") or {}
    success = bool(answer["success"])
    error = None if success else _error(answer.get("exception_info") or {})
    count = found.get("observed_value" if expectation.kind == "ExpectNoRows" else "unexpected_count")
    rows = found.get("partial_unexpected_index_list") or (found.get("details") or {}).get("unexpected_rows") or ()
    observed = f"{count} of {found['element_count']}" if "element_count" in found else found.get("observed_value")
    findings = (
        ()
        if success
        else tuple(
            replace(each, accepted=_accepted(each, accepted, now))
            for each in _findings(suite, expectation, count, rows)
        )
    )
    settled = _settled(findings, count)
    return ExpectationResult(
        name=expectation.name,
        column=expectation.column or ", ".join(dict.fromkeys(_columns(rows))) or None,
        severity="warning" if settled else expectation.severity,
        success=success,
        observed=error or (None if observed is None else str(observed)),
        unexpected_count=count,
        unexpected_sample=tuple({key: plain(value) for key, value in row.items()} for row in rows[:SAMPLE_ROWS]),
        message=message(suite, expectation, success, count, error, findings),
        findings=findings,
    )


def _columns(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (str(row["column_name"]) for row in rows if "column_name" in row and "usual" in row)


def _findings(
    suite: Suite, expectation: Expectation, count: int | None, rows: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """What there is to accept: each row of a learning check; of any other expectation its words, or all of it."""

    def finding(about: str, size: float, text: str) -> Finding:
        named = "|".join((suite.gate, suite.table, expectation.name, about))
        number = hashlib.sha256(named.encode()).hexdigest()[:ID_LENGTH]
        return Finding(number, about, size, text, expectation.acceptable)

    learned = [row for row in rows if "usual" in row]
    for row in learned:
        column = row.get("column_name") or expectation.column
        yield finding(f"{column} {row['day']}", float(row["size"]), f"{column} on {row['day']}: {_told(row)}")
    if not learned:
        words = sorted({_shown(row.get(str(expectation.column))) for row in rows}) if expectation.acceptable else []
        told = ", ".join(words) or expectation.column or expectation.name
        yield finding(told, float(count or 0), f"{told}: {_rows(count)}" if count is not None else told)


def _accepted(finding: Finding, accepted: Mapping[str, Acceptance], now: dt.datetime) -> str | None:
    known = accepted.get(finding.id)
    return str(known) if finding.acceptable and known is not None and known.covers(finding.size, now) else None


def _settled(findings: Sequence[Finding], count: int | None) -> bool:
    """Everything found was accepted; where more was found than a sample holds, not everything was seen."""
    whole = all(each.size == count for each in findings) or count == len(findings)
    return bool(findings) and whole and all(each.accepted for each in findings)


def unreadable(suite: Suite, why: str) -> TableResult:
    """The result of a table that is not there: one critical failure that says so."""
    expectation = Expectation(
        "readable", "", {}, reason="Nothing can be said of a table that cannot be read.", mend=f"It was not: {why}."
    )
    findings = tuple(_findings(suite, expectation, None, ()))
    text = message(suite, expectation, False, None, why, findings)
    return TableResult(
        suite.table,
        (ExpectationResult("readable", None, expectation.severity, False, why, None, (), text, findings),),
    )


def message(
    suite: Suite,
    expectation: Expectation,
    success: bool,
    count: int | None,
    error: str | None,
    findings: Sequence[Finding] = (),
) -> str:
    """`gate raw, hubspot.deals (amount): amount_not_negative (critical) failed for 3 rows. Why. Mend.`

    What a learning check found follows the count, and whatever may be accepted ends with the command that does it.
    """
    columns = expectation.column or ", ".join(dict.fromkeys(each.about.rpartition(" ")[0] for each in findings))
    where = f"{suite.table} ({columns})" if columns else suite.table
    if success:
        return f"gate {suite.gate}, {where}: {expectation.name} holds"
    told = f" for {_rows(count)}" if count is not None else f": {error}" if error else ""
    if expectation.acceptable and findings:
        told += f": {_some([each.text for each in findings], '; ')}"
    state = "accepted" if _settled(findings, count) else expectation.severity
    text = (
        f"gate {suite.gate}, {where}: {expectation.name} ({state}) failed{told}."
        f" {expectation.reason} {expectation.mend}"
    )
    open_ones = [each.id for each in findings if each.acceptable and not each.accepted]
    said = list(dict.fromkeys(each.accepted for each in findings if each.accepted))
    if said:
        text += f" {'Part of it was' if open_ones else 'This was'} {_some(said, '; ')}."
    if open_ones:
        text += f' To accept it: kpilote gate accept {" ".join(open_ones[:SHOWN_FINDINGS])} --reason "…"'
    return text


def _some(texts: Sequence[str], between: str) -> str:
    more = len(texts) - SHOWN_FINDINGS
    return between.join(texts[:SHOWN_FINDINGS]) + (f" and {more} more" if more > 0 else "")


def _told(row: Mapping[str, Any]) -> str:
    return f"{row['found']}, usual {row['usual']}"


def _rows(count: int | None) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _shown(word: Any) -> str:
    """A word as it may stand in a file: an address is hashed."""
    text = str(word)
    return text if re.search(ADDRESS, text) is None else MASK + hashlib.sha256(text.encode()).hexdigest()[:16]


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
