"""What existing tools get wrong, one test each, with numbers a person can check."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attribution.engine import attribute
from attribution.model import RULES, Result, Settings, Unit

HEAD = "person,time,channel,converted,value"


def of_log(folder: Path, rows: Sequence[str], head: str = HEAD, **settings: object) -> Result:
    file = folder / "log.csv"
    file.write_text("\n".join([head, *rows]), encoding="utf-8")
    return attribute(file, Settings(**{"bootstrap": 0, "minimum_conversions": 0, **settings}))  # type: ignore[arg-type]


def of_paths(
    folder: Path, rows: Sequence[str], head: str = "path,conversions,value,nulls", **settings: object
) -> Result:
    file = folder / "paths.csv"
    file.write_text("\n".join([head, *rows]), encoding="utf-8")
    return attribute(file, Settings(**{"bootstrap": 0, "minimum_conversions": 0, **settings}))  # type: ignore[arg-type]


def credit(result: Result, model: str) -> dict[str, tuple[float, str]]:
    """Conversions and value by channel, what is nothing left out."""
    return {
        unit.channel: (round(float(each.conversions), 6), str(each.value))
        for unit, each in result.credits[model].items()
        if each.conversions or each.value
    }


def test_equal_timestamps_have_one_order_whatever_the_rows_order(tmp_path: Path) -> None:
    rows = [f"x,2026-03-01,{name},0," for name in "cab"] + ["x,2026-03-01,,1,10"]
    first = of_log(tmp_path, rows)
    again = of_log(tmp_path, list(reversed(rows)))
    assert first == again
    assert credit(first, "first_touch") == {"a": (1.0, "10.00")}
    assert credit(first, "last_touch") == {"c": (1.0, "10.00")}


def test_a_touch_id_orders_touches_of_one_instant(tmp_path: Path) -> None:
    rows = ["x,2026-03-01,b,0,,1", "x,2026-03-01,a,0,,2", "x,2026-03-01,,1,10,"]
    found = of_log(tmp_path, rows, f"{HEAD},touch_id")
    assert credit(found, "first_touch") == {"b": (1.0, "10.00")}
    assert credit(found, "last_touch") == {"a": (1.0, "10.00")}


def test_touches_of_one_id_have_one_order_whatever_the_rows_order(tmp_path: Path) -> None:
    rows = ["x,2026-03-01,c,0,,", "x,2026-03-01,b,0,,1", "x,2026-03-01,a,0,,1", "x,2026-03-02,,1,10,"]
    found = of_log(tmp_path, rows, f"{HEAD},touch_id")
    assert found == of_log(tmp_path, list(reversed(rows)), f"{HEAD},touch_id")
    assert credit(found, "first_touch") == {"a": (1.0, "10.00")}
    assert credit(found, "last_touch") == {"c": (1.0, "10.00")}


def test_a_touch_after_the_conversion_on_its_day_never_counts(tmp_path: Path) -> None:
    rows = ["x,2026-03-01 09:00,a,0,", "x,2026-03-01 12:00:00.000001,b,0,", "x,2026-03-01 12:00,,1,5"]
    for model in RULES:
        assert credit(of_log(tmp_path, rows), model) == {"a": (1.0, "5.00")}


def test_the_lookback_ends_at_the_microsecond(tmp_path: Path) -> None:
    rows = ["x,2026-03-01 12:00:00,in,0,", "x,2026-03-01 11:59:59.999999,out,0,", "x,2026-03-02 12:00,,1,5"]
    assert credit(of_log(tmp_path, rows, lookback_days=1.0), "linear") == {"in": (1.0, "5.00")}


def test_several_conversions_share_touches_or_not(tmp_path: Path) -> None:
    rows = ["x,2026-03-01,a,0,", "x,2026-03-02,,1,1", "x,2026-03-03,b,0,", "x,2026-03-04,,1,1", "x,2026-03-04,,1,1"]
    assert credit(of_log(tmp_path, rows), "linear") == {"a": (2.0, "2.00"), "b": (1.0, "1.00")}
    since = of_log(tmp_path, rows, since_previous=True)
    assert credit(since, "linear") == {"a": (1.0, "1.00"), "b": (2.0, "2.00")}  # those of one instant share


def test_a_touch_that_converts_is_part_of_its_path(tmp_path: Path) -> None:
    assert credit(of_log(tmp_path, ["x,2026-03-01,a,0,", "x,2026-03-02,b,1,8"]), "linear") == {
        "a": (0.5, "4.00"),
        "b": (0.5, "4.00"),
    }


def test_conversions_without_a_touch_stay(tmp_path: Path) -> None:
    rows = ["x,2026-03-01,a,0,", "x,2026-03-02,,1,8", "y,2026-03-02,,1,3", ",2026-03-02,,1,2"]
    found = of_log(tmp_path, rows)
    for model, credits in found.credits.items():
        assert credits[Unit("unattributed")].conversions == 2, model
        assert credits[Unit("unattributed")].value == 5, model
    assert found.totals.untouched == 2
    counted = of_paths(tmp_path, ["a,1,8,0", ",2,5,0"])
    assert credit(counted, "markov") == {"a": (1.0, "8.00"), "unattributed": (2.0, "5.00")}


def test_zero_value_conversions_count(tmp_path: Path) -> None:
    found = of_log(tmp_path, ["x,2026-03-01,a,0,", "x,2026-03-02,,1,0", "x,2026-03-02,,1,"])
    for model in found.credits:
        assert credit(found, model) == {"a": (2.0, "0.00")}, model


def test_all_direct_journeys_stay(tmp_path: Path) -> None:
    rows = [
        "x,2026-03-01,direct,0,",
        "x,2026-03-02,,1,8",
        "y,2026-03-01,email,0,",
        "y,2026-03-02,Direct,0,",
        "y,2026-03-03,,1,4",
    ]
    found = of_log(tmp_path, rows)
    assert credit(found, "last_non_direct") == {"direct": (1.0, "8.00"), "email": (1.0, "4.00")}
    assert credit(of_paths(tmp_path, ["direct > direct,1,8,0"]), "last_non_direct") == {"direct": (1.0, "8.00")}


def test_a_separator_inside_a_name_is_no_separator(tmp_path: Path) -> None:
    file = tmp_path / "paths.parquet"
    pq.write_table(pa.table({"path": [["a > b", "c"]], "conversions": [1]}), file)
    assert set(credit(attribute(file, Settings(bootstrap=0)), "linear")) == {"a > b", "c"}
    found = of_paths(tmp_path, ["a > b | c,1,1,0"], separator="|")
    assert set(credit(found, "linear")) == {"a > b", "c"}
    assert set(credit(of_log(tmp_path, ["x,2026-03-01,a > b,0,", "x,2026-03-02,c,1,1"]), "markov")) == {"a > b", "c"}


def test_value_and_counts_have_shares_of_their_own(tmp_path: Path) -> None:
    found = of_paths(tmp_path, ["a,9,9,0", "b,1,91,0"])
    for model in ("linear", "shapley"):
        assert credit(found, model) == {"a": (9.0, "9.00"), "b": (1.0, "91.00")}


def test_thirds_add_up_to_the_cent_and_to_the_conversion(tmp_path: Path) -> None:
    rows = [f"p{n},2026-03-0{day},{name},0," for n in range(50) for day, name in enumerate("abc", 1)]
    found = of_log(tmp_path, [*rows, *(f"p{n},2026-03-05,,1,0.10" for n in range(50))])
    assert [each.value for each in found.credits["linear"].values()] == [
        Decimal("1.50"),
        Decimal("1.50"),
        Decimal("2.00"),
    ]
    for credits in found.credits.values():
        assert sum(each.conversions for each in credits.values()) == 50
        assert sum(each.value for each in credits.values()) == Decimal("5.00")


def test_rare_channels_get_what_the_chain_gives_them(tmp_path: Path) -> None:
    """One conversion in a million by a channel of its own: a simulation would hardly ever see it."""
    found = of_paths(tmp_path, ["big,999999,0,1000000", "rare,1,0,1000000"])
    assert credit(found, "markov") == {"big": (999_999.0, "0.00"), "rare": (1.0, "0.00")}


def test_decay_is_measured_from_the_conversion(tmp_path: Path) -> None:
    """From wherever it is measured decay halves by the week; what differs is which touches the look-back admits."""
    rows = ["x,2026-03-01,a,0,", "x,2026-03-08,b,0,", "x,2026-03-29,,1,3"]
    assert credit(of_log(tmp_path, rows), "time_decay") == {"a": (0.333333, "1.00"), "b": (0.666667, "2.00")}
    # 25 days before the conversion, not before the last touch: a is too old.
    assert credit(of_log(tmp_path, rows, lookback_days=25.0), "time_decay") == {"b": (1.0, "3.00")}


@pytest.mark.parametrize("half_life", [7.0, 1.0, 0.001])
def test_a_path_of_many_half_lives_ago_decays_all_the_same(tmp_path: Path, half_life: float) -> None:
    """Two touches a half-life apart are a third and two thirds, however long before the conversion they were."""
    later = dt.datetime(2025, 1, 1) + dt.timedelta(days=half_life)
    rows = ["x,2025-01-01,a,0,", f"x,{later},b,0,", "x,2025-12-20,,1,3"]
    found = of_log(tmp_path, rows, half_life_days=half_life, lookback_days=400.0)
    assert credit(found, "time_decay") == {"a": (0.333333, "1.00"), "b": (0.666667, "2.00")}


def test_milestones_are_credited_where_they_are_known(tmp_path: Path) -> None:
    head = f"{HEAD},lead_creating,opportunity_creating"
    rows = [f"x,2026-03-0{day},{name},0,,{lead},{deal}" for day, (name, lead, deal) in enumerate(
        [("a", 0, 0), ("b", 1, 0), ("c", 0, 0), ("d", 0, 1), ("e", 1, 0)], 1)]  # fmt: skip
    found = of_log(tmp_path, [*rows, "x,2026-03-09,,1,100,,"], head)
    w, full = credit(found, "w_shaped"), credit(found, "full_path")
    assert w == {
        "a": (0.3, "30.00"),
        "b": (0.3, "30.00"),
        "c": (0.05, "5.00"),
        "d": (0.3, "30.00"),
        "e": (0.05, "5.00"),
    }
    assert {name: value for name, (value, _) in full.items()} == {
        "a": 0.225,
        "b": 0.225,
        "c": 0.1,
        "d": 0.225,
        "e": 0.225,
    }
    assert not found.notes or "milestones" not in found.notes[0]
    without = of_log(tmp_path, [row.rsplit(",", 2)[0] for row in [*rows, "x,2026-03-09,,1,100,,"]])
    assert credit(without, "w_shaped")["a"] == (0.75, "75.00")  # 30 of 30 + 10
    assert "milestones" in without.notes[0]


def test_custom_weights_and_positions(tmp_path: Path) -> None:
    rows = ["x,2026-03-01,a,0,", "x,2026-03-02,b,0,", "x,2026-03-03,c,0,", "x,2026-03-04,,1,100"]
    found = of_log(tmp_path, rows, position=(0.5, 0.3), custom={"first": 1, "rest": 3})
    assert credit(found, "position_based") == {"a": (0.5, "50.00"), "b": (0.2, "20.00"), "c": (0.3, "30.00")}
    assert credit(found, "custom") == {"a": (0.25, "25.00"), "b": (0.375, "37.50"), "c": (0.375, "37.50")}
    nobody = of_log(tmp_path, rows, custom={"lead": 1.0})
    assert credit(nobody, "custom")["a"] == (0.333333, "33.33")


def test_too_few_conversions_are_withheld_with_a_reason(tmp_path: Path) -> None:
    found = of_paths(tmp_path, ["a > b,99,1,5"], minimum_conversions=100)
    assert set(found.withheld) == {"time_decay", "markov", "shapley", "shapley_rate", "logistic"}
    assert "99 conversions" in found.withheld["markov"] and "fewer than 100" in found.withheld["markov"]
    assert "markov" in of_paths(tmp_path, ["a > b,100,1,5"], minimum_conversions=100).credits


def test_null_journeys_of_a_log_are_known(tmp_path: Path) -> None:
    rows = ["x,2026-03-01,a,0,", "x,2026-03-02,,1,8", "x,2026-03-03,b,0,", "y,2026-03-01,a,0,", "y,2025-01-01,c,0,"]
    found = of_log(tmp_path, rows)
    assert found.totals.nulls == 2  # x after its conversion; y, whose touch of a year before is no part of it
    assert credit(found, "markov") == {"a": (1.0, "8.00")}


def test_people_whose_ids_have_one_hash_are_two(tmp_path: Path) -> None:
    one, other = "call:33330000005", "call:33830000002"
    assert duckdb.execute("select hash(?) = hash(?)", [one, other]).fetchall() == [(True,)]
    days = [(one, "a", 1), (other, "b", 2), (one, "c", 3), (other, "d", 4), ("buyer", "a", 1)]
    rows = [f"{person},2026-03-0{day},{channel},{int(person == 'buyer')},1" for person, channel, day in days]
    found = of_log(tmp_path, rows)
    assert (found.totals.nulls, found.totals.paths) == (2, 3)


def test_campaigns_are_credited_apart_and_data_driven_models_say_why_not(tmp_path: Path) -> None:
    rows = ["x,2026-03-01,a,0,,one", "x,2026-03-02,a,0,,two", "x,2026-03-03,,1,8,"]
    found = of_log(tmp_path, rows, f"{HEAD},campaign", by_campaign=True)
    assert {unit.campaign: each.value for unit, each in found.credits["linear"].items()} == {"one": 4, "two": 4}
    assert "channel level" in found.withheld["markov"]


def test_intervals_are_seeded_and_hold_the_credit(tmp_path: Path) -> None:
    rows = ["a > b,60,60,300", "a,50,50,500", "b > c,40,40,100"]
    found, again = (of_paths(tmp_path, rows, bootstrap=50) for _ in range(2))
    assert found == again
    assert of_paths(tmp_path, rows, bootstrap=50, seed=8) != found
    for model in ("markov", "shapley", "shapley_rate"):
        for each in found.credits[model].values():
            assert each.interval is not None
            low, high = each.interval
            assert low < float(each.conversions) < high
    assert all(each.interval is None for each in found.credits["linear"].values())


@pytest.mark.parametrize(
    "settings", [{"position": (0.7, 0.7)}, {"custom": {"middle": 1}}, {"order": 0}, {"models": ("x",)}]
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"position|role|order|model"):
        Settings(**settings)  # type: ignore[arg-type]
