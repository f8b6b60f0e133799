"""One company seen through three stacks of vendors says the same in every cell, but where a vendor cannot tell."""

import pytest

from sandbox.world.ledger import Ledger
from tests.kpi.built import Built, build
from tests.kpi.cells import CELLS, UNEQUAL, differing, side_by_side, unexplained, unneeded
from tests.stacks import STACKS
from tests.verify.__main__ import by_ledger

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["salesforce", "pipedrive"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Built]:
    """A stack's name and the company built from it."""
    return request.param, build(tmp_path_factory.mktemp(request.param), STACKS[request.param].split(","))


@pytest.mark.parametrize("table", CELLS)
def test_every_cell_is_equal_or_has_a_reason(stack: tuple[str, Built], built: Built, table: str) -> None:
    name, other = stack
    reasons = [each for each in UNEQUAL[name] if each["table"] == table]
    with side_by_side(built, other) as homes:
        found = differing(homes, table)
        assert unexplained(found, reasons) == []
        assert unneeded(found, reasons) == []


def test_every_analytics_tool_tells_the_same_of_a_visits_link(stack: tuple[str, Built], built: Built) -> None:
    """What attribution by content rests on: visits by day, campaign and `utm_content`."""
    counts = "select session_date, channel, campaign, content, count(*) from {}.marts.fct_sessions group by all"
    with side_by_side(built, stack[1]) as homes:
        ours, theirs = (homes.execute(f"{counts.format(side)} order by all").fetchall() for side in ("ours", "theirs"))
    assert len({content for _, _, _, content, _ in ours}) > 5
    assert theirs == ours


def test_every_crm_tells_the_same_of_an_organisations_own_fields(stack: tuple[str, Built], built: Built) -> None:
    for mart, columns in (
        ("fct_deals", "created_date, closed_date, partner, segment, currency, recurring_amount_reporting"),
        ("dim_companies", "segment, country, employees, industry"),
    ):
        told = f"select {columns} from {{}}.marts.{mart} order by all"
        with side_by_side(built, stack[1]) as homes:
            ours, theirs = (homes.execute(told.format(side)).fetchall() for side in ("ours", "theirs"))
        assert ours
        assert theirs == ours


def test_the_ledger_says_the_same_in_every_other_cell(stack: tuple[str, Built]) -> None:
    name, other = stack
    warehouse = other.warehouse()
    unequal = {each["kpi"] for each in UNEQUAL[name] if "kpi" in each}
    kpis = [kpi for kpi in warehouse.kpis().values() if kpi.name not in unequal]
    found = by_ledger(warehouse, kpis, Ledger(other.snapshot))
    warehouse.close()
    assert {each.kpi: each.differences.head(3).to_string() for each in found if not each.passed} == {}
