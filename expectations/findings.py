"""What the learning checks share: two expectations a check, a finding's severity, and the spans a finding is about.

A finding is a row of `<table>_findings`: check, severity, column, day, what was found and what is usual in words, and
its size, which says whether the same finding got worse. Belongs here: that shape. Does not: any check.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from expectations import model
from expectations.limits import Limits
from expectations.model import Expectation, Severity
from ingestion.registry import Table

Band = TypeVar("Band")
SEVERITIES: tuple[Severity, Severity] = ("critical", "warning")
ACCEPT_OR_LIMIT = "if it is right, accept it, or set a limit of the table (`since`, …) in expectations/limits.yml."


def expectations(table: Table, check: str, names: tuple[str, str], *, reason: str, mend: str) -> Iterator[Expectation]:
    """The two expectations of a check, by name: no critical finding of it, and no warning."""
    for severity, name in zip(SEVERITIES, names, strict=True):
        yield model.learned(
            name,
            "select column_name, day, found, usual, size"  # noqa: S608
            f' from {table.source}."{table.name}_findings" /* {{batch}} */'
            f" where check_name = '{check}' and severity = '{severity}' order by day desc, column_name",
            reason=reason,
            mend=mend,
            severity=severity,
        )


def beyond(band: Band | None, query: Callable[[Band], str]) -> str:
    """SQL that says whether a finding is beyond a band of `limits.yml`; none is where the band is switched off."""
    return "false" if band is None else f"({query(band)})"


def severity_of(critical: str, warning: str, newest: str = "true") -> str:
    """SQL of a finding's severity: what is critical stops on the newest days only and is shown on the others."""
    return f"case when ({critical}) and {newest} then 'critical' when ({critical}) or ({warning}) then 'warning' end"


def shape(table: Table, limit: Limits) -> str:
    """CTE `shape`: slots in a span, how many spans are judged, how many of them may stop, how much history it takes."""
    history = limit.history
    return f"""
        shape as (
            select
                any_value(size) as size, greatest(1, {history.recent_days} // any_value(size)) as recent,
                greatest(1, {history.critical_days} // any_value(size)) as critical,
                if(any_value(size) = 1, {history.least_days}, {history.least_weeks}) as least, max(span) as oldest
            from {table.source}."{table.name}_spans"
        )
    """  # noqa: S608
