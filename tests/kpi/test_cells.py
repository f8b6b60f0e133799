"""Every cell of kpi_values equals what MetricFlow and the company's ledger say; a wrong definition does not pass."""

import json
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml
from rich.console import Console

from orchestration import dbt
from sandbox.world.catalogue import PARTNERS
from sandbox.world.ledger import Ledger
from sandbox.world.ledger.rules import NONE
from tests.kpi.built import Built, run
from tests.verify.__main__ import LEDGER, by_ledger, by_metricflow, report
from tests.verify.compare import Comparison

pytestmark = pytest.mark.slow


def _failed(found: list[Comparison]) -> dict[str, str]:
    """{KPI: first differences} of the comparisons that did not pass."""
    return {c.kpi: c.differences.head(3).to_string() or "nothing was compared" for c in found if not c.passed}


def test_metricflow_says_the_same_in_every_cell(built: Built) -> None:
    warehouse = built.warehouse()
    kpis = [kpi for kpi in warehouse.kpis().values() if not kpi.not_in_metricflow]
    found = by_metricflow(warehouse, kpis)
    warehouse.close()
    assert {comparison.kpi for comparison in found} == {kpi.name for kpi in kpis}
    assert _failed(found) == {}


def test_the_ledger_says_the_same_in_every_cell(built: Built) -> None:
    warehouse = built.warehouse()
    kpis = list(warehouse.kpis().values())
    found = by_ledger(warehouse, kpis, Ledger(built.snapshot))
    warehouse.close()
    assert {comparison.kpi for comparison in found} == {kpi.name for kpi in kpis}
    assert _failed(found) == {}


def test_the_ledger_says_the_same_of_every_deals_own_fields(built: Built) -> None:
    with duckdb.connect(str(built.settings.warehouse_path), read_only=True) as warehouse:
        ours = warehouse.sql(
            "select split_part(deal_id, ':', 2), partner, segment, cast(recurring_amount_reporting * 100 as bigint)"
            " from marts.fct_deals order by 1"
        ).fetchall()
    told = Ledger(built.snapshot).facts.deals[["partner", "segment", "recurring_cents"]].sort_index()
    cents = [None if pd.isna(each) else int(each) for each in told["recurring_cents"]]
    assert ours == [*zip(told.index, told["partner"], told["segment"], cents, strict=True)]
    _, partners, segments, _ = (set(column) for column in zip(*ours, strict=True))
    assert partners == {*PARTNERS, NONE}
    assert segments > {"Public sector", "Strategic", "smb", "mid_market", "enterprise"}
    assert None in cents


def test_the_ledger_says_the_same_of_every_deal_under_every_rule(built: Built) -> None:
    """Also the rules that are not the locked one, and that a lead source is not known."""
    rules = {
        "is_sourced_by_lead_source": "lead_source",
        "is_sourced_by_first_touch": "first_touch",
        "is_sourced_by_marketing_before_sales": "marketing_before_sales",
        "is_influenced": "influenced",
    }
    with duckdb.connect(str(built.settings.warehouse_path), read_only=True) as warehouse:
        ours = warehouse.sql(
            f"select split_part(deal_id, ':', 2), {', '.join(rules)} from marts.pipeline_sourcing order by 1"
        ).fetchall()
    told = Ledger(built.snapshot).facts.sourced[[*rules.values()]].sort_index()
    assert ours == [(deal, *verdicts) for deal, verdicts in zip(told.index, told.to_numpy().tolist(), strict=True)]
    assert all(len({row[at] for row in ours}) > 1 for at in range(1, len(rules) + 1))


def test_only_what_metricflow_has_no_word_for_is_left_to_the_ledger(built: Built) -> None:
    warehouse = built.warehouse()
    left = {kpi.name for kpi in warehouse.kpis().values() if kpi.not_in_metricflow}
    warehouse.close()
    assert left == {"pipeline_velocity", "ltv_cac_ratio"}


def test_metricflow_catches_a_compiler_that_reads_the_yaml_differently(built: Built) -> None:
    """The numbers stand, the definition MetricFlow reads moved: revenue without its filter."""
    manifest = json.loads(built.semantic_manifest)
    revenue = next(metric for metric in manifest["metrics"] if metric["name"] == "revenue")
    revenue["filter"] = None
    warehouse = built.warehouse(json.dumps(manifest))
    found = by_metricflow(warehouse, [warehouse.kpis()[name] for name in ("revenue", "avg_deal_size", "win_rate")])
    warehouse.close()
    assert set(_failed(found)) == {"revenue", "avg_deal_size"}


def test_the_ledger_catches_a_wrong_definition(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both engines read a wrong definition faithfully; the company knows better, and `make verify-kpis` fails."""
    project, home = tmp_path / "project", tmp_path / "home"
    shutil.copytree(dbt.PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"))
    home.mkdir()
    shutil.copy(built.settings.warehouse_path, home)
    file = project / "models" / "marts" / "core" / "fct_deals.yml"
    block = yaml.safe_load(file.read_text())
    closed = next(metric for metric in block["models"][0]["metrics"] if metric["name"] == "closed_deals")
    closed["expr"] = "is_lost"
    file.write_text(yaml.safe_dump(block, sort_keys=False, allow_unicode=True))
    settings = built.settings.model_copy(update={"home": home})
    models = ["kpi_values_week", "kpi_values_month", "kpi_values_quarter", "kpi_values_year"]
    monkeypatch.setattr(dbt, "PROJECT_DIR", project)
    run(settings, "run", "--select", "fct_deals", *models)
    warehouse = Built(home, settings, built.snapshot).warehouse()
    kpis = {name: kpi for name, kpi in warehouse.kpis().items() if name in ("win_rate", "revenue", "pipeline_velocity")}
    judged = by_metricflow(warehouse, [kpis["win_rate"], kpis["revenue"]])
    judged += by_ledger(warehouse, list(kpis.values()), Ledger(built.snapshot))
    warehouse.close()
    wrong = {(comparison.kpi, comparison.engine) for comparison in judged if not comparison.passed}
    assert wrong == {("win_rate", LEDGER), ("pipeline_velocity", LEDGER)}
    with Console(record=True, width=200) as console:
        assert report(kpis, judged, 1.0, console) == 1
    assert "2 KPIs differ: pipeline_velocity, win_rate" in console.export_text()
