"""A home refreshed step by step, and beside it the marts built from scratch from the same lake.

Flow: sandbox over HTTP → lake → dbt on the home's own warehouse │ dbt on one that remembers nothing → tables that
differ. Everything runs in this process and dbt parses its project once: homes of all histories stand at one place, one
after the other.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from ingestion import lake
from ingestion.settings import Settings, reload
from orchestration import dbt, erasure, runs
from orchestration.environment import variables
from sandbox.changes import Change
from sandbox.server import Running
from tests.orchestration.marts import contents

START, FIRST = dt.date(2024, 9, 1), dt.date(2025, 2, 20)
# Columns by which KPIs are cut, and columns nobody counts by: the lake has them only from its second load on.
ADDED_COLUMNS = {
    "hubspot/contacts": ["country", "email_domain"],
    "hubspot/companies": ["employees", "industry"],
    "hubspot/deals": ["lost_reason"],
    "salesforce/leads": ["country", "email_domain", "employees", "segment"],
    "salesforce/contacts": ["country", "email_domain"],
    "salesforce/accounts": ["employees", "industry"],
    "salesforce/opportunities": ["lost_reason"],
    "pipedrive/persons": ["country", "email_domain"],
    "pipedrive/organizations": ["employees", "industry"],
    "pipedrive/deals": ["lost_reason"],
    "ga4/events": ["campaign", "content", "device"],
    "matomo/visits": ["campaign", "content", "device"],
    "mailchimp/email_activity": ["url"],
    "brevo/email_activity": ["url"],
    "klaviyo/events": ["url"],
}
# Materialisations that keep nothing of an earlier run.
WHOLE = ("table", "view")


@dataclass
class Twin:
    """One history. `until` is the first day the company has not lived yet; `project`: another dbt project than ours;
    `rules`: vars of it that say otherwise.
    """

    home: Path
    sources: str
    company: Running
    project: Manifest | None = None
    until: dt.date = FIRST
    changes: list[Change] = field(default_factory=list)
    select: str = "path:models"
    rules: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> Settings:
        values = {
            "KPILOTE_HOME": str(self.home), "KPILOTE_LAKE_URL": "", "KPILOTE_START_DATE": START.isoformat(),
            "KPILOTE_SOURCES": self.sources, "KPILOTE_HASH_KEY": "a key of the tests",
            "KPILOTE_TIMEZONE": "Europe/Paris", "KPILOTE_CURRENCY": "EUR", **self.company.env,
        }  # fmt: skip
        os.environ.update(values)
        return reload()

    def live(self, days: int, changes: Sequence[Change]) -> None:
        """Let the company live some more days, in which the changes happen."""
        self.changes += changes
        self.until += dt.timedelta(days=days)
        self.company.sandbox.changes = tuple(self.changes)
        self.company.advance(self.until)

    def pull(self, days: int) -> None:
        """Pull the last so many days of every source."""
        settings = self.settings()
        for source in settings.sources:
            lake.pull(source, self.until - dt.timedelta(days=days), self.until, settings=settings)

    def forget_columns(self) -> None:
        """Make the lake what a Kpilote wrote that did not know these columns yet."""
        for table, columns in ADDED_COLUMNS.items():
            for path in (self.home / "lake" / table).glob("[0-9]*.parquet"):
                pq.write_table(pq.read_table(path).drop_columns(columns), path)

    def erase(self, which: int) -> bool:
        """Erase one of the contacts, counted in the order of addresses; False where nothing of them is in the lake."""
        settings = self.settings()
        addresses = sorted(self.company.sandbox.view.snapshot.contacts["email"].dropna())
        try:
            found = erasure.find(settings, addresses[which % len(addresses)], None)
        except erasure.ErasureError:
            return False
        with runs.instance() as dagster, erasure.quiet(settings):
            erasure.erase(settings, found, dagster, lambda _: None)
        return True

    def refresh(self, left: Collection[str] = ()) -> None:
        """Bring the home's own warehouse up to the lake, but for the KPIs of the cadences left to their own job."""
        self._dbt(self.settings(), "run", "--select", self.select, *_without(left))

    def scratch(self) -> Path:
        """Build the marts of the same lake in a warehouse that remembers nothing; returns its folder.

        What keeps rows of earlier runs, and all that rests on it, is built anew. The rest has no memory: the refresh
        before made it whole from this lake, and making it once more would say the same.
        """
        ours, folder = self.settings(), self.home / "scratch"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        other = ours.model_copy(update={"home": folder})
        shutil.copy(ours.warehouse_path, other.warehouse_path)
        project = self.project or dbt.parsed(ours)
        remembering = _remembering(project)
        kept = [node for id_, node in project.nodes.items() if id_ not in remembering]
        _drop_but(other.warehouse_path, {(node.schema, node.name) for node in kept})
        self._dbt(other, "run", "--select", self.select, "--exclude", *(node.name for node in kept if _is_model(node)))
        return folder

    def differences(self, folder: Path, left: Collection[str] = ()) -> list[str]:
        """Marts built from scratch that are not equal to ours, with how many rows only one side has; what shows the
        cadences that were left is not looked at.
        """
        mine, other = contents(self.home), contents(folder)
        shown = {"kpi_values", "kpi_scorecard", *(f"kpi_values_{period}" for period in left)} if left else set()
        differing = [name for name in sorted(other) if name not in shown and mine.get(name) != other[name]]
        with duckdb.connect() as connection:
            for name, path in (("a", self.home), ("b", folder)):
                connection.execute(f"attach '{path}/warehouse.duckdb' as {name} (read_only)")
            return [f"{name}: {_rows_apart(connection, name)}" for name in differing]

    def _dbt(self, settings: Settings, *arguments: str) -> None:
        paths = [
            *("--project-dir", str(dbt.PROJECT_DIR), "--profiles-dir", str(dbt.PROJECT_DIR)),
            *("--target-path", str(self.home / "dbt_target"), "--log-path", str(self.home / "logs")),
            *("--log-level", "none", "--log-level-file", "none"),
        ]
        runner = dbtRunner(manifest=self.project or dbt.parsed(self.settings()))
        with variables({**settings.environment(), "DO_NOT_TRACK": "1"}):
            result = runner.invoke(["--no-write-json", *arguments, "--vars", json.dumps(self.rules), *paths])
        dbt._close_warehouse()
        failed = [each.message for each in result.result.results if each.status == "error"] if result.result else []
        assert result.success, failed[:1] or result.exception


def _is_model(node: Any) -> bool:
    return bool(node.resource_type == "model" and node.config.enabled)


def _remembering(project: Manifest) -> set[str]:
    """Models that are not made whole in every run, and all that rests on one, by id."""
    models = {id_: node for id_, node in project.nodes.items() if _is_model(node)}
    found = {id_ for id_, node in models.items() if node.config.materialized not in WHOLE}
    while reached := {id_ for id_, node in models.items() if found.intersection(node.depends_on.nodes)} - found:
        found |= reached
    return found


def _drop_but(warehouse: Path, kept: Collection[tuple[str, str]]) -> None:
    """Leave only these tables and views, each with its schema."""
    with duckdb.connect(str(warehouse)) as connection:
        everything = connection.execute(
            "select 'table', schema_name, table_name from duckdb_tables()"
            " union all select 'view', schema_name, view_name from duckdb_views() where not internal"
        ).fetchall()
        for kind, schema, name in everything:
            if (schema, name) not in kept:
                connection.execute(f'drop {kind} "{schema}"."{name}"')


def _without(left: Collection[str]) -> list[str]:
    return ["--exclude", *(f"kpi_values_{period}" for period in sorted(left))] if left else []


def _rows_apart(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    columns = connection.execute(
        "select column_name from duckdb_columns() where database_name = 'a' and schema_name = 'marts'"
        " and table_name = ? and column_name <> 'refreshed_at' order by column_index",
        [name],
    ).fetchall()
    listed = ", ".join(f'"{column}"' for (column,) in columns)
    sides = []
    for one, other in (("a", "b"), ("b", "a")):
        rows = connection.execute(
            f'select {listed} from {one}.marts."{name}" except all select {listed} from {other}.marts."{name}"'
        ).fetchall()
        sides.append(f"{len(rows)} rows only {'incremental' if one == 'a' else 'from scratch'}, e.g. {rows[:1]}")
    return "; ".join(sides)
