"""The vocabulary of the suites: Expectation, Suite and short constructors for the expectations they are made of.

Belongs here: plain data, cheap to import, so that the orchestration can list every check without loading Great
Expectations. Does not: running anything (`engine.py`, `gate.py`) or saying what is expected (`raw.py`, …).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

GateName = Literal["raw", "unified", "marts"]
Severity = Literal["critical", "warning"]

GATES: tuple[GateName, ...] = ("raw", "unified", "marts")


@dataclass(frozen=True)
class Expectation:
    """One thing that must be true of a table.

    name: unique in its suite and stable, it names the asset check. kind: a class of Great Expectations, or
    `ExpectNoRows` of `engine.py`; arguments: what that class takes. A failed critical expectation stops everything
    downstream, a warning only shows. reason: why it matters; mend: what a person does about it. acceptable: a person
    may say that what was found is right (`acceptance.py`); never so where rows or keys are at stake.
    """

    name: str
    kind: str
    arguments: Mapping[str, Any]
    reason: str
    mend: str
    column: str | None = None
    severity: Severity = "critical"
    acceptable: bool = False


@dataclass(frozen=True)
class Suite:
    """The expectations of one table.

    table: the name people know (`hubspot.deals`, `int_deals__unified`); relation: where the gate's connection finds
    it, as (schema, name). key: columns shown with each unexpected row.
    """

    gate: GateName
    table: str
    relation: tuple[str, str]
    expectations: tuple[Expectation, ...]
    key: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [expectation.name for expectation in self.expectations]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.gate} {self.table}: two expectations share a name")


def not_null(column: str, *, reason: str, mend: str, severity: Severity = "critical") -> Expectation:
    """No row has a null in `column`."""
    return Expectation(
        f"{column}_not_null", "ExpectColumnValuesToNotBeNull", {"column": column}, reason, mend, column, severity
    )


def one_of(
    column: str, values: Collection[str], *, reason: str, mend: str, severity: Severity = "critical"
) -> Expectation:
    """Every value of `column` that is not null is one of `values`."""
    arguments = {"column": column, "value_set": sorted(values)}
    return Expectation(
        f"{column}_known", "ExpectColumnValuesToBeInSet", arguments, reason, mend, column, severity, acceptable=True
    )


def between(
    column: str,
    least: float | None,
    most: float | None = None,
    *,
    name: str,
    reason: str,
    mend: str,
    severity: Severity = "critical",
) -> Expectation:
    """Every value of `column` that is not null lies between both bounds, bounds included; None is no bound."""
    arguments = {"column": column, "min_value": least, "max_value": most}
    return Expectation(name, "ExpectColumnValuesToBeBetween", arguments, reason, mend, column, severity)


def ordered(
    earlier: str,
    later: str,
    *,
    name: str,
    reason: str,
    mend: str,
    severity: Severity = "critical",
    mostly: float = 1.0,
) -> Expectation:
    """Where neither is null, `later` is not before `earlier`; in that share of the rows at least."""
    arguments = {
        "column_A": later,
        "column_B": earlier,
        "or_equal": True,
        "ignore_row_if": "either_value_is_missing",
        "mostly": mostly,
    }
    return Expectation(
        name, "ExpectColumnPairValuesAToBeGreaterThanB", arguments, reason, mend, f"{earlier}, {later}", severity
    )


def row_count(name: str, least: int, most: int | None = None, *, reason: str, mend: str) -> Expectation:
    """The table has so many rows; None is no bound."""
    arguments = {"min_value": least, "max_value": most}
    return Expectation(name, "ExpectTableRowCountToBeBetween", arguments, reason, mend)


def unique(columns: Collection[str], *, reason: str, mend: str, severity: Severity = "critical") -> Expectation:
    """No two rows agree in all `columns`; nulls count as equal, which GX's own uniqueness does not do.

    Rows that agree have one hash: keys are grouped only where a hash comes twice, which costs half as much.
    """
    names = ", ".join(columns)
    twice = f"select hash({names}) from {{batch}} group by all having count(*) > 1"  # noqa: S608
    return no_rows(
        f"{'_'.join(columns)}_unique",
        f"select {names}, count(*) as times from {{batch}}"  # noqa: S608
        f" where hash({names}) in ({twice}) group by {names} having count(*) > 1",
        column=names,
        reason=reason,
        mend=mend,
        severity=severity,
    )


def no_address(relation: tuple[str, str]) -> Expectation:
    """No text column of the table holds an email address; says which column and how many rows, never the value."""
    schema, name = relation
    return no_rows(
        "no_address",
        f'select column_name, rows from {schema}."{name}_addresses" /* {{batch}} */ where rows > 0',  # noqa: S608
        reason="An email address got past the door: neither lake nor warehouse nor releases may hold one.",
        mend="Hash or drop the column where it enters (ingestion/), then remove the files that hold it.",
    )


def no_rows(
    name: str, query: str, *, reason: str, mend: str, column: str | None = None, severity: Severity = "critical"
) -> Expectation:
    """`query` over `{batch}` finds nothing; each row it finds is one unexpected case."""
    return Expectation(name, "ExpectNoRows", {"unexpected_rows_query": query}, reason, mend, column, severity)


def learned(
    name: str, query: str, *, reason: str, mend: str, column: str | None = None, severity: Severity = "critical"
) -> Expectation:
    """`query` finds nothing unusual; each row says in words what was `found`, what is `usual`, and the `size` of it."""
    return replace(no_rows(name, query, reason=reason, mend=mend, column=column, severity=severity), acceptable=True)
