"""Run a gate: judge the tables of the lake or of the warehouse, keep what was found, say it in one message.

Flow: suites (`raw.py`, `unified.py`, `marts.py`) → what the gate sees (`sight.py`) → GX (`engine.py`) → GateResult,
`$KPILOTE_HOME/gx/results/<gate>/<run_id>.json` and Data Docs. Great Expectations is imported when a gate runs, not
before: it costs seconds.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

import duckdb

from expectations import learned, marts, raw, sight, unified
from expectations.acceptance import Acceptance, acceptances
from expectations.model import GATES, GateName, Suite
from expectations.results import ExpectationResult, GateResult, TableResult, read, unreadable
from ingestion import registry
from ingestion.errors import KpiloteError
from ingestion.settings import Settings

__all__ = [
    "GATES",
    "ExpectationResult",
    "GateError",
    "GateName",
    "GateResult",
    "TableResult",
    "run",
    "suites",
    "tables",
]

_SUITES = {"raw": raw.suites, "unified": unified.suites, "marts": marts.suites}


class GateError(KpiloteError):
    """A gate that cannot be run; the message says what to do."""


def suites(gate: GateName, *, settings: Settings) -> tuple[Suite, ...]:
    """The suites of a gate for the enabled sources."""
    if gate not in _SUITES:
        raise GateError(f"no gate named {gate!r}: known are {', '.join(GATES)}")
    return _SUITES[gate](settings)


def tables(gate: GateName, *, settings: Settings) -> tuple[str, ...]:
    """The tables a gate judges: `hubspot.deals` in the lake, model names in the warehouse."""
    return tuple(suite.table for suite in suites(gate, settings=settings))


def run(gate: GateName, *, settings: Settings, tables: Collection[str] | None = None) -> GateResult:
    """Judge every table of a gate, or those named, and store the result. Raises only when it cannot judge at all."""
    chosen = suites(gate, settings=settings)
    if tables is not None:
        unknown = set(tables) - {suite.table for suite in chosen}
        if unknown:
            raise GateError(f"gate {gate} has no suite for {', '.join(sorted(unknown))}")
        chosen = tuple(suite for suite in chosen if suite.table in tables)
    return judge(gate, chosen, settings)


def judge(gate: GateName, chosen: Collection[Suite], settings: Settings) -> GateResult:
    """Judge the given suites; what `run` does once it knows which."""
    from great_expectations.core.run_identifier import RunIdentifier

    from expectations import docs, engine

    now = dt.datetime.now(tz=dt.UTC)
    accepted = acceptances(settings)
    run_id = RunIdentifier(run_name=now.strftime("%Y%m%dT%H%M%S.%fZ"), run_time=now)
    folder = settings.docs_dir
    gx_context = docs.context(folder)
    with _sight(gate, chosen, settings) as connection:
        seen = sight.relations(connection)
        if gate == "raw":
            for suite in chosen:
                if suite.relation in seen:
                    learned.judge(connection, registry.table(suite.table))
        with engine.DuckDBDatasource.serving(connection):
            answers = engine.validate(gx_context, [suite for suite in chosen if suite.relation in seen], run_id)
    pages = docs.write(gx_context, [page for page, _ in answers.values()])
    results = []
    for suite in chosen:
        if suite.table in answers:
            page, found = answers[suite.table]
            results.append(_table_result(suite, found, pages[page], accepted, now))
        else:
            results.append(unreadable(suite, _missing(gate, settings)))
    result = GateResult(
        gate, run_id.run_name, now, tuple(results), folder / "results" / gate / f"{run_id.run_name}.json"
    )
    result.store()
    docs.prune(folder, gate)
    docs.write_index(folder)
    return result


def _sight(
    gate: GateName, chosen: Collection[Suite], settings: Settings
) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    if gate == "raw":
        # Amounts of every source are held against the rates people keep in a file.
        return sight.lake(settings, {"spreadsheets", *(suite.relation[0] for suite in chosen)})
    return sight.warehouse(settings)


def _missing(gate: GateName, settings: Settings) -> str:
    if gate == "raw":
        return f"its files in {settings.lake_url} are missing or not readable; pull its source"
    return f"{settings.warehouse_path} does not hold it; run `kpilote refresh`"


def _table_result(
    suite: Suite,
    found: Mapping[str, Mapping[str, Any]],
    docs_url: str,
    accepted: Mapping[str, Acceptance],
    now: dt.datetime,
) -> TableResult:
    answers = tuple(
        read(suite, expectation, found[expectation.name], accepted, now) for expectation in suite.expectations
    )
    return TableResult(suite.table, answers, docs_url)
