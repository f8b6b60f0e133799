"""Attribution against the company's own ledger: every model, every conversion type, credit and cents, cell by cell."""

import duckdb
import pandas as pd
import pytest

from sandbox.world.ledger import Ledger
from tests.conftest import Home

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
KEY = ["day", "channel", "campaign"]


@pytest.fixture(scope="module")
def ledger(built_home: Home) -> Ledger:
    return Ledger(built_home.world.snapshot(built_home.until))


@pytest.mark.parametrize("conversion_type", ["lead", "mql", "opportunity", "customer"])
def test_credits_equal_the_ledger(built_home: Home, ledger: Ledger, conversion_type: str) -> None:
    with duckdb.connect(str(built_home.path / "warehouse.duckdb"), read_only=True) as warehouse:
        for model in MODELS:
            # Days and campaigns a model gives nothing to are rows in one place and none in the other.
            told = warehouse.execute(
                f"select converted_date as day, channel, campaign, sum({model}_credit) as credit, "
                f"sum({model}_value * 100)::bigint as cents from marts.attribution_credits "
                f"where conversion_type = ? and {model}_credit != 0 group by all",
                [conversion_type],
            ).df()
            told = told.assign(day=pd.to_datetime(told["day"]))
            true = ledger.credits(model, conversion_type)
            true = true[true["credit"] != 0].groupby(KEY, as_index=False)[["credit", "cents"]].sum()
            both = told.merge(true, on=KEY, how="outer", suffixes=("_told", "_true"), indicator=True)
            assert (both["_merge"] == "both").all(), f"{model}: {both[both['_merge'] != 'both'].head()}"
            assert ((both["credit_told"] - both["credit_true"]).abs() < 1e-9).all(), model
            assert (both["cents_told"] == both["cents_true"]).all(), model


def test_every_model_adds_up_to_the_conversions(built_home: Home) -> None:
    sums = ", ".join(
        f"abs(sum({model}_credit) - 1) < 1e-12 and sum({model}_value) = any_value(value_reporting)" for model in MODELS
    )
    with duckdb.connect(str(built_home.path / "warehouse.duckdb"), read_only=True) as warehouse:
        kept = warehouse.execute(
            f"select {sums} from marts.fct_conversions left join marts.attribution_credits using (conversion_id) "
            "group by conversion_id"
        ).fetchall()
    assert len(kept) > 100
    assert all(all(row) for row in kept)
