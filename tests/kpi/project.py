"""dbt for the KPI tests: the project parsed once, then macros run in process with metrics changed in memory."""

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from ingestion.settings import DEFAULT_SOURCES
from orchestration import dbt
from orchestration.environment import variables
from tests.kpi.built import settings_of

VARS = dbt.rules()


def _variables(home: Path) -> dict[str, str]:
    """What the profile reads; an in-memory database is enough to run macros."""
    return {"KPILOTE_HOME": "", "KPILOTE_LAKE_URL": str(home / "lake"), "KPILOTE_TARGET": "duckdb", "DO_NOT_TRACK": "1"}


class KpiProject:
    """The project's manifest and the two ways tests use it: run a macro, compile a line."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.manifest: Manifest = dbt.parsed(settings_of(home, DEFAULT_SOURCES))

    def _invoke(self, arguments: list[str], manifest: Manifest | None) -> Any:
        target, logs = str(self.home / "target"), str(self.home / "logs")
        project = str(dbt.PROJECT_DIR)
        folders = ["--project-dir", project, "--profiles-dir", project, "--target-path", target]
        with variables(_variables(self.home)):
            return dbtRunner(manifest=manifest).invoke(["--quiet", "--log-path", logs, *arguments, *folders])

    def kpis(self) -> dict[str, dict[str, Any]]:
        """{KPI: meta} as the YAML declares them, safe to change."""
        return {
            metric.name: copy.deepcopy(metric.config.meta)
            for metric in self.manifest.metrics.values()
            if "additivity" in metric.config.meta
        }

    def governance_error(self, kpis: dict[str, dict[str, Any]], profiles: list[str]) -> str | None:
        """What `assert_kpi_governance` says about these KPIs; None when nothing."""
        arguments = json.dumps({"kpis": kpis, "profiles": profiles})
        result = self._invoke(["run-operation", "assert_kpi_governance", "--args", arguments], self.manifest)
        if result.success:
            return None
        return str(result.exception or result.result.results[0].message)

    def versions(self, change: Callable[[dict[str, Any]], None] | None = None) -> dict[str, str]:
        """{KPI: definition_version}, after `change` was applied to a copy of the metrics (by name)."""
        manifest = copy.deepcopy(self.manifest)
        if change:
            change({metric.name: metric for metric in manifest.metrics.values()})
        line = (
            "{% set found = {} %}{% for name, kpi in kpi_definitions().items() %}"
            "{% do found.update({name: kpi.version}) %}{% endfor %}{{ tojson(found) }}"
        )
        versions: dict[str, str] = self._compiled(line, manifest)
        return versions

    def attribution_violations(self, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
        """{case: what is wrong} with the project's settings of attribution, each case with some of them changed."""
        cases = {name: {**VARS, **changed} for name, changed in changes.items()}
        line = (
            "{% set found = {} %}{% for name, settings in fromjson('" + json.dumps(cases) + "').items() %}"
            "{% do found.update({name: attribution_violations(settings)}) %}{% endfor %}{{ tojson(found) }}"
        )
        violations: dict[str, list[str]] = self._compiled(line, self.manifest)
        return violations

    def parse_error(self, vars_: Mapping[str, Any]) -> str:
        """What a parse of the project says where some of its vars are others."""
        result = self._invoke(["parse", "--vars", json.dumps(vars_)], None)
        return "" if result.success else str(result.exception)

    def _compiled(self, line: str, manifest: Manifest) -> Any:
        result = self._invoke(["compile", "--inline", line], manifest)
        assert result.success, result.exception
        return json.loads(result.result.results[0].node.compiled_code)
