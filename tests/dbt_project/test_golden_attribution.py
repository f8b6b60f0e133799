"""Small paths with credits worked out by hand (tests/golden/attribution_*.csv), and the totals every model keeps."""

from pathlib import Path

from tests.dbt_project.warehouse import Warehouse

GOLDEN = Path(__file__).parents[1] / "golden"
MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "position_based",
    "w_shaped",
    "full_path",
    "time_decay",
)


def _fill(warehouse: Warehouse, table: str, name: str) -> None:
    warehouse.execute(f"delete from marts.{table}")
    warehouse.execute(f"insert into marts.{table} by name from read_csv('{GOLDEN / name}')")


def test_credits_equal_the_golden_ones(built: Warehouse) -> None:
    _fill(built, "fct_conversions", "attribution_conversions.csv")
    _fill(built, "fct_touchpoints", "attribution_touches.csv")
    # Rows put there by hand are in no digest by which a run would see that they changed.
    built.dbt("run", "--full-refresh", "--select", "attribution_credits", "attribution_channels", "journeys")

    expected = f"read_csv('{GOLDEN / 'attribution_credits.csv'}')"
    differs = " or ".join(
        f"got.{model}_credit is null or abs(got.{model}_credit - want.{model}_credit) > 1e-12"
        f" or got.{model}_value is distinct from cast(want.{model}_value as decimal(18, 2))"
        for model in MODELS
    )
    wrong = built.rows(
        f"from marts.attribution_credits got full join {expected} want using (conversion_id, position) "
        f"where got.touch_id is distinct from want.touch_id or got.channel is distinct from want.channel or {differs}"
    )
    assert wrong == []

    totals = ", ".join(
        f"abs(sum({model}_credit) - 1) < 1e-12, sum({model}_value) = any_value(value_reporting)" for model in MODELS
    )
    kept = built.rows(
        f"select {totals} from marts.attribution_credits "
        "join marts.fct_conversions using (conversion_id) group by conversion_id"
    )
    assert len(kept) == 6
    assert all(all(row) for row in kept)

    channels = built.rows(
        "select model, cadence, sum(conversions), sum(value) from marts.attribution_channels "
        "where conversion_type = 'customer' group by all"
    )
    assert len(channels) == len(MODELS) * 5
    assert {(round(conversions, 12), float(value)) for _, _, conversions, value in channels} == {(5.0, 1213.45)}
