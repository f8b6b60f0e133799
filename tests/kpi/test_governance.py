"""The governance rules: each one seen failing, by name, and the KPIs of the project seen passing all of them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.kpi.project import KpiProject

Kpis = dict[str, dict[str, Any]]


def test_the_projects_kpis_keep_every_rule(kpi_project: KpiProject) -> None:
    assert kpi_project.governance_error(kpi_project.kpis(), ["saas"]) is None


def _without_decision(kpis: Kpis) -> None:
    del kpis["win_rate"]["decision"]


def _empty_owner(kpis: Kpis) -> None:
    kpis["revenue"]["owner"] = ""


def _unknown_choice(kpis: Kpis) -> None:
    kpis["revenue"]["timing"] = "soon"


def _unknown_cadence(kpis: Kpis) -> None:
    kpis["revenue"]["cadences"] = ["month", "fortnight"]


def _no_north_star(kpis: Kpis) -> None:
    del kpis["mrr"]["north_star_of"]


def _two_north_stars(kpis: Kpis) -> None:
    kpis["revenue"]["north_star_of"] = "saas"


def _north_star_of_nobody(kpis: Kpis) -> None:
    kpis["revenue"]["north_star_of"] = "bakery"


def _vision_too_large(kpis: Kpis) -> None:
    kpis["win_rate"]["dashboards"] = [*kpis["win_rate"]["dashboards"], "vision"]


def _sales_too_large(kpis: Kpis) -> None:
    kpis["avg_deal_size"]["dashboards"] = ["sales"]


def _too_little_impact(kpis: Kpis) -> None:
    kpis["win_rate"]["nature"] = "activity"


def _vanity_without_partner(kpis: Kpis) -> None:
    del kpis["web_sessions"]["paired_with"]


def _vanity_with_vanity(kpis: Kpis) -> None:
    kpis["web_sessions"]["paired_with"] = "leads_created"


def _vanity_alone_on_its_dashboard(kpis: Kpis) -> None:
    kpis["pipeline_generated"]["dashboards"] = ["vision"]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (_without_decision, "KPI 'win_rate': incomplete meta: 'decision' is missing"),
        (_empty_owner, "KPI 'revenue': incomplete meta: 'owner' is missing"),
        (_unknown_choice, "KPI 'revenue': invalid meta: 'timing' is 'soon'"),
        (_unknown_cadence, "KPI 'revenue': invalid meta: unknown cadence 'fortnight'"),
        (_no_north_star, "Profile 'saas': exactly one North Star: found none"),
        (_two_north_stars, "Profile 'saas': exactly one North Star: found mrr, revenue"),
        (_north_star_of_nobody, "KPI 'revenue': north star of 'bakery', which is not a business profile"),
        (_vision_too_large, "Dashboard 'vision': at most 5 KPIs: has 6"),
        (_sales_too_large, "Dashboard 'sales': at most 7 KPIs: has 8"),
        (_too_little_impact, "Dashboard 'sales': at least 70 % impact KPIs: has 4 of 7"),
        (_vanity_without_partner, "KPI 'web_sessions': vanity KPI unpaired"),
        (_vanity_with_vanity, "KPI 'web_sessions': vanity KPI unpaired"),
        (_vanity_alone_on_its_dashboard, "KPI 'leads_created': vanity KPI unpaired: 'pipeline_generated' is not on"),
    ],
)
def test_a_broken_rule_stops_the_build(kpi_project: KpiProject, broken: Callable[[Kpis], None], message: str) -> None:
    kpis = kpi_project.kpis()
    broken(kpis)
    error = kpi_project.governance_error(kpis, ["saas"])
    assert error is not None and message in error


def test_every_run_checks_the_rules(kpi_project: KpiProject) -> None:
    """The rules are a hook of every dbt run, so no run can go around them."""
    nodes = kpi_project.manifest.nodes.values()
    hooks = [node.raw_code for node in nodes if node.name.startswith("kpilote-on-run-start")]
    assert any("assert_kpi_governance()" in code for code in hooks)
