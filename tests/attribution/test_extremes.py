"""Numbers and settings at their ends: added up exactly, refused in one line, or withheld; never a traceback."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from attribution.engine import attribute
from attribution.model import AttributionError, Settings

QUICK = Settings(bootstrap=0, minimum_conversions=0)


def log(folder: Path, rows: list[str], more: str = "") -> Path:
    file = folder / "log.csv"
    file.write_text("\n".join([f"person,time,channel,converted,value{more}", *rows]), encoding="utf-8")
    return file


def test_money_of_more_cents_than_64_bits_adds_up(tmp_path: Path) -> None:
    rows = [f"p{number},2026-03-01,{number % 3},1,999999999999999.99" for number in range(100)]
    found = attribute(log(tmp_path, rows), QUICK)
    assert found.totals.value == 100 * Decimal("999999999999999.99")
    for model, credits in found.credits.items():
        assert sum(each.value for each in credits.values()) == found.totals.value, model


def test_counts_of_the_most_a_cell_may_hold_add_up(tmp_path: Path) -> None:
    file = tmp_path / "paths.csv"
    file.write_text("path,conversions,nulls\n" + "a > b,1000000000000,1000000000000\n" * 200, encoding="utf-8")
    found = attribute(file, QUICK)
    assert found.totals.conversions == found.totals.nulls == 200 * 10**12
    assert sum(each.conversions for each in found.credits["linear"].values()) == 200 * 10**12


def test_a_long_look_back_over_many_touches_of_one_instant(tmp_path: Path) -> None:
    rows = [f"p,2026-03-01,c{number},0,,{number}" for number in range(1_000)]
    found = attribute(log(tmp_path, [*rows, "p,2026-03-02,,1,5,"], ",touch_id"), Settings(lookback_days=36_500))
    assert found.totals.conversions == 1


def test_times_too_far_apart_to_be_told_apart_are_refused(tmp_path: Path) -> None:
    rows = [f"p,0001-01-01,c{number},0,,{number}" for number in range(12_000)]
    with pytest.raises(AttributionError, match=r"its times lie .* days apart, too long for 12,000 touches"):
        attribute(log(tmp_path, [*rows, "p,9999-01-01,,1,5,"], ",touch_id"), QUICK)


def test_addresses_for_channels_have_rule_models_only(tmp_path: Path) -> None:
    rows = [f"p{number},2026-03-01,/page/{number},{number % 2},1" for number in range(66_000)]
    found = attribute(log(tmp_path, rows), Settings(models=("linear", "markov"), bootstrap=0))
    assert found.totals.conversions == 33_000 == sum(each.conversions for each in found.credits["linear"].values())
    assert "66,000 channels are more than 1,000" in found.withheld["markov"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"lookback_days": float("nan")}, "look-back"),
        ({"lookback_days": float("inf")}, "look-back"),
        ({"half_life_days": float("inf")}, "half-life"),
        ({"half_life_days": 0}, "half-life"),
        ({"models": ("custom",)}, "the model custom needs its weights"),
        ({"custom": {"first": float("inf")}}, "custom weights"),
        ({"custom": {"first": 1.0, "rest": float("nan")}}, "custom weights"),
        ({"memory_mb": 0}, "memory"),
        ({"separator": ""}, "separator"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(AttributionError, match=told):
        Settings(**settings)  # type: ignore[arg-type]


def test_too_little_memory_is_said_while_reading_too(tmp_path: Path) -> None:
    with pytest.raises(AttributionError, match="1 MB of memory are too few: allow more"):
        attribute(log(tmp_path, ["x,2026-03-01,a,1,1"] * 100_000), Settings(memory_mb=1))
