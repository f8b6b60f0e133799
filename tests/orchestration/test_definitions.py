"""What Dagster is told: every table and model is an asset in the right group, and loading needs no credentials."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import pytest
from dbt import flags

from ingestion import settings as settings_module
from ingestion.registry import SOURCES, tables
from ingestion.settings import Settings
from orchestration import dbt
from orchestration.assets import dbt as dbt_assets
from orchestration.definitions import build_defs
from orchestration.environment import variables
from orchestration.runs import ROOT
from tests.conftest import Home, home_environment

WITHOUT_SECRETS = {"KPILOTE_HASH_KEY": ""}
EVERY_SOURCE = {"KPILOTE_SOURCES": ",".join(SOURCES)}


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.Definitions]:
    home = tmp_path_factory.mktemp("definitions")
    with variables({**home_environment(home), **WITHOUT_SECRETS, **EVERY_SOURCE}):
        settings_module.reload()
        yield build_defs()
    settings_module.settings.cache_clear()


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> dg.AssetGraph:
    return definitions.resolve_asset_graph()


def test_the_code_location_loads_without_any_key(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KPILOTE_", "SOURCES__"))}
    environment["KPILOTE_HOME"] = str(tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-c", "import orchestration.definitions, sys; print('great_expectations' in sys.modules)"],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("False"), "Great Expectations is loaded before a gate runs"


def test_every_lake_table_is_an_asset_in_the_group_of_its_source(graph: dg.AssetGraph) -> None:
    for table in tables():
        node = graph.get(dg.AssetKey([table.source, table.name]))
        assert node.group_name == table.source
        assert node.description
        assert node.owners
        assert node.kinds == {"dlt", "parquet"}
        is_daily = table.kind == "window" and SOURCES[table.source].is_api
        assert (node.partitions_def is not None) == is_daily
        assert (node.backfill_policy is not None) == any(
            each.kind == "window" and SOURCES[table.source].is_api for each in SOURCES[table.source].tables.values()
        )


def test_every_model_is_an_asset_in_the_group_of_its_folder(definitions: dg.Definitions, graph: dg.AssetGraph) -> None:
    groups = {}
    for node in dbt.manifest(settings_module.settings())["nodes"].values():
        if node["resource_type"] == "model":
            folders = Path(node["original_file_path"]).parts[1:-1]
            groups[node["name"]] = folders[1] if folders[0] == "marts" else folders[0]
    found = {key.path[-1]: graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups
    assert {name: found.get(name) for name in groups} == groups
    assert set(groups.values()) == {"staging", "intermediate", "core", "attribution", "kpi"}


def test_metricflow_finds_its_manifest_beside_ours(definitions: dg.Definitions) -> None:
    now = settings_module.settings()
    manifest = dbt.manifest(now)
    told = json.loads((now.dbt_target_dir / "semantic_manifest.json").read_text())
    metrics = {each["name"] for each in manifest["metrics"].values()}
    assert metrics
    assert {each["name"] for each in told["metrics"]} == metrics


def test_one_parse_serves_many_commands(definitions: dg.Definitions) -> None:
    """dbt writes into the nodes of a parse what a command made of them, and takes it from there the next time: of
    ephemeral models the injected SQL, of foreign keys the rendered name.
    """
    nodes = [each for each in dbt.manifest(settings_module.settings())["nodes"].values() if each.get("columns")]
    kinds = {each["type"] for node in nodes for column in node["columns"].values() for each in column["constraints"]}
    assert "foreign_key" not in kinds | {each["type"] for node in nodes for each in node.get("constraints") or ()}
    assert "ephemeral" not in {node["config"]["materialized"] for node in nodes}


@pytest.fixture
def parsed(definitions: dg.Definitions, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home that keeps a parse, in a process that never ran dbt."""
    now = settings_module.settings()
    monkeypatch.setattr(dbt, "_parsed", {})
    dbt.parsed(now)
    monkeypatch.setattr(dbt, "_parsed", {})
    monkeypatch.setattr(flags, "GLOBAL_FLAGS", Namespace())
    return now


def test_a_parse_serves_every_home(parsed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process reads it back; where the lake is, is no part of it."""
    monkeypatch.setattr(dbt, "_parse", lambda *_: pytest.fail("parsed anew"))
    first = dbt.parsed(parsed)
    other = parsed.model_copy(update={"home": tmp_path, "lake_url": str(tmp_path / "elsewhere")})
    assert dbt.parsed(other) is first
    assert dbt.manifest(other)["nodes"].keys() == first.nodes.keys() == dbt.manifest(parsed)["nodes"].keys()
    assert dbt._call(other, ["compile", "--select", "stg_hubspot__deals"], first)[1] == []
    compiled = next((tmp_path / "dbt_target" / "compiled").rglob("stg_hubspot__deals.sql")).read_text()
    assert f"{tmp_path}/elsewhere/hubspot/deals/*.parquet" in compiled


@pytest.mark.parametrize("what", ["damaged", "edited", "upgraded"])
def test_a_parse_ends_with_what_it_rests_on(
    parsed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    home = parsed.model_copy(update={"home": tmp_path})
    shutil.copytree(parsed.dbt_target_dir, home.dbt_target_dir)
    if what == "damaged":
        (file,) = (home.dbt_target_dir / "definitions").glob("*.msgpack")
        file.write_bytes(file.read_bytes()[:100_000])
    elif what == "edited":
        whole = Path.read_bytes
        edited = dbt.PROJECT_DIR / "dbt_project.yml"
        monkeypatch.setattr(Path, "read_bytes", lambda path: whole(path) + (b"#" if path == edited else b""))
    else:
        monkeypatch.setattr(
            dbt, "version", lambda package: f"{version(package)}{'.1' if package == 'dbt-duckdb' else ''}"
        )
    monkeypatch.setattr(dbt, "_parse", lambda *_: "parsed anew")
    assert dbt.parsed(home) == "parsed anew"


def test_a_broken_project_is_told_in_one_piece(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    shutil.copytree(dbt.PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs", "models", "seeds"))
    (project / "models").mkdir()
    (project / "models" / "broken.yml").write_text("models:\n  - name: [")
    monkeypatch.setattr(dbt, "PROJECT_DIR", project)
    (said,) = dbt.invoke(settings_module.settings(), ["run"])
    assert "broken.yml" in said


def test_lineage_is_whole_from_the_vendors_to_the_page(graph: dg.AssetGraph) -> None:
    upstream = graph.get_ancestor_asset_keys(dg.AssetKey(["serving", "scorecard_page"]))
    lake = {dg.AssetKey([table.source, table.name]) for table in tables()}
    assert lake - set(upstream) == set()


@pytest.mark.parametrize("cadence", ["daily", "weekly", "monthly", "quarterly"])
def test_a_refresh_is_one_run_whatever_the_range(definitions: dg.Definitions, cadence: str) -> None:
    job = definitions.resolve_job_def(f"refresh_{cadence}")
    assert job.backfill_policy == dg.BackfillPolicy.single_run()
    assert job.executor_def.name == "in_process"


def test_gates_stand_between_the_steps(definitions: dg.Definitions) -> None:
    steps = [node.name for node in definitions.resolve_job_def("refresh_daily").nodes_in_topological_order]
    order = ["gate_raw", "dbt_unified", "gate_unified_after_dbt_unified", "dbt_marts", "gate_marts_after_dbt_marts"]
    order += ["dbt_kpi_day", "dbt_scorecard", "serving__release", "serving__scorecard_page"]
    assert [step for step in steps if step in order] == order


def test_whatever_opens_the_warehouse_shares_its_pool(definitions: dg.Definitions) -> None:
    for node in definitions.resolve_job_def("refresh_daily").nodes_in_topological_order:
        opens = node.name.startswith(("gate_", "dbt_")) or node.name == "serving__release"
        assert node.definition.pool == ("warehouse" if opens else node.name if node.name in SOURCES else None)


def test_resources_can_be_replaced(tmp_path: Path) -> None:
    with variables(home_environment(tmp_path)):
        settings_module.reload()
        definitions = build_defs(resource_overrides={"warehouse": dg.ResourceDefinition.none_resource()})
    settings_module.settings.cache_clear()
    assert definitions.resources is not None
    assert isinstance(definitions.resources["warehouse"], dg.ResourceDefinition)


@pytest.mark.slow
def test_a_warehouse_out_of_memory_names_the_setting(home_copy: Home) -> None:
    with home_copy.active(KPILOTE_WAREHOUSE_MEMORY="8MB") as now:
        done = dbt.build(now, ["--select", "int_sessions__unified"])
    assert done.errors
    said = dbt_assets.failure(done)
    assert said.startswith("dbt failed on int_sessions__unified: Out of Memory of the warehouse")
    assert "KPILOTE_WAREHOUSE_MEMORY" in said
