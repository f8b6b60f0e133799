"""`definition_version` changes when, and only when, what is computed changes."""

from typing import Any

from tests.kpi.project import KpiProject


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {kpi for kpi in before if before[kpi] != after[kpi]}


def test_words_do_not_change_the_version(kpi_project: KpiProject) -> None:
    def reworded(metrics: dict[str, Any]) -> None:
        metrics["revenue"].description = "Other words"
        metrics["revenue"].config.meta |= {"label_en": "Sales", "decision": "Something else", "dashboards": []}

    before = kpi_project.versions()
    assert _changed(before, kpi_project.versions(reworded)) == set()
    assert len(set(before.values())) == len(before)


def test_an_expression_changes_its_kpi_and_the_kpis_built_on_it(kpi_project: KpiProject) -> None:
    def other_amount(metrics: dict[str, Any]) -> None:
        metrics["revenue"].type_params.expr = "created_amount_reporting"

    changed = _changed(kpi_project.versions(), kpi_project.versions(other_amount))
    assert changed == {"revenue", "avg_deal_size", "pipeline_velocity"}


def test_a_filter_a_date_an_aggregation_or_a_window_changes_the_version(kpi_project: KpiProject) -> None:
    def other_rules(metrics: dict[str, Any]) -> None:
        metrics["meetings_booked"].filter = None
        metrics["leads_created"].type_params.metric_aggregation_params.agg_time_dimension = "mql_date"
        metrics["customers_at_start"].type_params.expr = "1"
        metrics["pipeline_velocity"].config.meta["requires"] = {"won_deals": 5}

    changed = _changed(kpi_project.versions(), kpi_project.versions(other_rules))
    assert changed == {
        "meetings_booked",
        "leads_created",
        "cpl",
        "customer_churn_rate",
        "retention_rate",
        "ltv_cac_ratio",
        "pipeline_velocity",
    }
