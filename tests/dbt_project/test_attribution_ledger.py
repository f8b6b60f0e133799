"""Attribution against the company's own ledger: every model, every conversion type, credit and cents, cell by cell."""

import json
from typing import Any

import duckdb
import pandas as pd
import pytest
import yaml

from orchestration import dbt
from sandbox.world import catalogue as cat
from sandbox.world.ledger import Ledger, Rules
from sandbox.world.ledger.rules import CUSTOM, MODELS, Paths
from tests.conftest import Home

KEY = ["day", "channel", "campaign"]
CONTENT = ["month", "content"]
OF_DATA_DRIVEN = {
    "attribution_repeated",
    "attribution_training_months",
    "attribution_minimum_conversions",
    "attribution_markov_order",
    "attribution_bootstrap",
}
TYPES = ("lead", "mql", "opportunity", "customer", "order")
# Every setting of the rule models another than the project's, and paths of persons as well as of companies.
OTHER = Rules(
    paths={
        "lead": Paths(("session", "email_click", "event"), 30),
        "mql": Paths(("session",), 60),
        "opportunity": Paths(("session", "meeting", "call", "partner_referral", "offline"), 45.5, of_company=True),
        "customer": Paths(("session", "call", "meeting"), 180, of_company=True),
        "order": Paths(("session",), 30, of_company=True),
    },
    since_previous=True,
    position=(0.5, 0.2),
    half_life_days=20.5,
    custom={"first": 0.4, "last_non_direct": 0.3, "lead": 0.2, "opportunity": 0.2, "rest": 0.1},
)


@pytest.fixture(scope="module")
def ledger(built_home: Home) -> Ledger:
    return Ledger(built_home.world.snapshot(built_home.until))


@pytest.mark.parametrize("conversion_type", TYPES)
def test_credits_equal_the_ledger(built_home: Home, ledger: Ledger, conversion_type: str) -> None:
    for model in MODELS:
        _compare(built_home, ledger, model, conversion_type)


@pytest.mark.parametrize("conversion_type", TYPES)
def test_credits_by_content_equal_the_ledger(built_home: Home, ledger: Ledger, conversion_type: str) -> None:
    """By month and `utm_content`, over every model, as analytics kept it of the links that ads have."""
    pieces = [ledger.credits(model, conversion_type).assign(model=model) for model in MODELS]
    true = pd.concat(pieces, ignore_index=True)
    true = true.assign(month=pd.to_datetime(true["day"]).dt.to_period("M").dt.start_time)
    true = true[true["credit"] != 0].groupby(["model", *CONTENT], as_index=False)[["credit", "cents"]].sum()
    with duckdb.connect(str(built_home.path / "warehouse.duckdb"), read_only=True) as warehouse:
        told = warehouse.execute(
            "select model, period_start as month, dimension_value as content, conversions as credit,"
            " (value * 100)::bigint as cents from marts.attribution_dimensions"
            " where dimension = 'content' and cadence = 'month' and conversion_type = ? and conversions != 0",
            [conversion_type],
        ).df()
    _same(told.assign(month=pd.to_datetime(told["month"])), true, ["model", *CONTENT], conversion_type)
    if conversion_type == "lead":
        contents = {each for entry in cat.ENTRIES for each in entry.contents}
        assert len(contents.intersection(told["content"])) > 3


def test_money_stands_beside_what_anything_converted_to(built_home: Home) -> None:
    """Nobody orders on the company's site, so there is nothing to say of what orders cost."""
    with duckdb.connect(str(built_home.path / "warehouse.duckdb"), read_only=True) as warehouse:
        shown = warehouse.sql("select conversion_type from marts.attribution_channels where spend > 0 group by all")
        assert {kind for (kind,) in shown.fetchall()} == set(TYPES) - {"order"}


def test_credits_equal_the_ledger_whatever_the_settings(home_copy: Home) -> None:
    ledger = Ledger(home_copy.world.snapshot(home_copy.until), rules=OTHER)
    conversions = {
        name: {
            "touches": list(paths.touches),
            "lookback_days": paths.lookback_days,
            "paths_of": "company" if paths.of_company else "person",
        }
        for name, paths in OTHER.paths.items()
    }
    settings = {
        "attribution_conversions": conversions,
        "attribution_paths": "since_previous_conversion",
        "attribution_position_first": OTHER.position[0],
        "attribution_position_last": OTHER.position[1],
        "attribution_half_life_days": OTHER.half_life_days,
        "attribution_custom_weights": OTHER.custom,
    }
    ours = {name: value for name, value in _settings().items() if name not in OF_DATA_DRIVEN}
    assert settings.keys() == ours.keys()
    assert all(settings[name] != value for name, value in ours.items() if name != "attribution_conversions")
    for name, paths in conversions.items():
        same = {key for key, value in paths.items() if value == ours["attribution_conversions"][name][key]}
        assert same <= {"paths_of"}, name
    with home_copy.active() as now:
        arguments = ["run", "--select", "attribution_credits", "--vars", json.dumps(settings), "--log-level", "none"]
        assert dbt.invoke(now, arguments) == []
    for conversion_type in TYPES:
        for model in (*MODELS, CUSTOM):
            _compare(home_copy, ledger, model, conversion_type)


def _settings() -> dict[str, Any]:
    """The project's own settings of attribution."""
    project = yaml.safe_load((dbt.PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))
    return {name: value for name, value in project["vars"].items() if name.startswith("attribution_")}


def _compare(home: Home, ledger: Ledger, model: str, conversion_type: str) -> None:
    """Credit and cents by day, channel and campaign. What a model gives nothing to is a row in one place only."""
    with duckdb.connect(str(home.path / "warehouse.duckdb"), read_only=True) as warehouse:
        told = warehouse.execute(
            f"select converted_date as day, channel, campaign, sum({model}_credit) as credit, "
            f"sum({model}_value * 100)::bigint as cents from marts.attribution_credits "
            f"where conversion_type = ? and {model}_credit != 0 group by all",
            [conversion_type],
        ).df()
    told = told.assign(day=pd.to_datetime(told["day"]))
    true = ledger.credits(model, conversion_type)
    true = true.assign(day=pd.to_datetime(true["day"]))
    true = true[true["credit"] != 0].groupby(KEY, as_index=False)[["credit", "cents"]].sum()
    _same(told, true, KEY, model)


def _same(told: pd.DataFrame, true: pd.DataFrame, key: list[str], what: str) -> None:
    both = told.merge(true, on=key, how="outer", suffixes=("_told", "_true"), indicator=True)
    assert (both["_merge"] == "both").all(), f"{what}: {both[both['_merge'] != 'both'].head()}"
    assert ((both["credit_told"] - both["credit_true"]).abs() < 1e-9).all(), what
    assert (both["cents_told"] == both["cents_true"]).all(), what


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
