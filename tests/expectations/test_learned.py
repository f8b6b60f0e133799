"""The checks that learn: a steady history passes, each thing that can go wrong is caught, ordinary change is not."""

import datetime as dt
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expectations import gate, learned, limits, profile
from expectations.results import GateResult
from ingestion.errors import SettingsError
from ingestion.registry import Table, table, tables
from tests.expectations.history import END, HISTORY, History, changed, on, thousandfold, usual_row
from tests.expectations.judging import Found, found_in, judged, written
from tests.expectations.lake import Row

EVERY = [(each.full_name, one.name) for each in tables() for one in learned.of_lake(each)]
# Days before the newest on which everything of a kind is wrong: one that stops and one that is only shown.
WRONG = {"nulls": (0, 4), "words": (1, 5), "numbers": (2, 6)}


def learned_failures(result: GateResult, severity: str | None = None) -> set[str]:
    names = {name for _, name in EVERY}
    return {
        one.name
        for each in result.tables
        for one in each.failures
        if one.name in names and severity in (None, one.severity)
    }


def everything_wrong(declared: Table, ago: int, rows: list[Row]) -> list[Row]:
    if ago in WRONG["nulls"]:
        times = (declared.updated_column, "created_at")
        names = [each.name for each in profile.nullable(declared) if each.name not in times]
        rows = [{**row, **dict.fromkeys(names)} for row in rows]
    if ago in WRONG["words"]:
        # Not what tells a record from the others: it would be another version of them.
        repeated = [
            each
            for each in profile.wordy(declared)
            if declared.kind == "window" or len({row[each.name] for row in rows}) < len(rows)
        ]
        said = {each.name: "unheard" if each.type == "string" else True for each in repeated}
        rows = [{**row, **said} for row in rows]
    if ago in WRONG["numbers"]:
        names = [column.name for column in profile.numeric(declared)]
        rows = [{**row, **{name: thousandfold(row[name]) for name in names}} for row in rows]
    return rows[:1] if ago == 3 and declared.key != (declared.day_column,) else rows


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Everything wrong on some days, and a source that stands still: for two pulls (a warning), then for four."""
    lake = History(tmp_path_factory.mktemp("spoiled"), empty=4, spoil=everything_wrong)
    late = judged(lake.settings, EVERY)
    lake.forget(2)
    return {**late, **judged(lake.settings, [key for key in EVERY if key[1] == "newest_row_nearly_on_time"])}


def test_a_steady_history_passes(tmp_path: Path) -> None:
    found = judged(History(tmp_path).settings, EVERY)
    assert [one.message for one in found.values() if not one.success] == []
    assert set(found) == set(EVERY)


@pytest.mark.parametrize(("name", "expectation"), EVERY, ids=[".".join(each) for each in EVERY])
def test_every_learning_check_can_fail(spoiled: Found, name: str, expectation: str) -> None:
    result = spoiled[name, expectation]
    assert not result.success
    assert result.unexpected_count, "it failed for another reason than the rows it is about"
    for words in (f"gate raw, {name}", expectation, "usual", "kpilote gate accept"):
        assert words in result.message


@pytest.mark.parametrize("declared", [pytest.param(each, id=each.full_name) for each in tables()])
def test_every_table_of_the_registry_has_them(declared: Table) -> None:
    names = {each.name for each in learned.of_lake(declared)}
    one_row_a_day = declared.key == (declared.day_column,)
    assert one_row_a_day or "words_of_newest" in names or "numbers_of_newest" in names
    if declared.kind == "window" and profile.is_api(declared) and not one_row_a_day:
        assert {"volume_of_newest_day", "newest_row_on_time"} <= names


Change = Callable[[list[Row]], list[Row]]


def kept(share: float) -> Change:
    return lambda rows: rows[: round(share * len(rows))]


def twice(rows: list[Row]) -> list[Row]:
    return rows + [{**row, "client_id": f"again{row['client_id']}"} for row in rows]


def in_cents(amount: object) -> object:
    return 100 * Decimal(str(amount))


# What goes wrong with which table, the days back, and what must come of it; `None` where nothing may.
CASES: dict[str, tuple[str, Mapping[int, Change], str | None, str | None]] = {
    "nine tenths missing": ("ga4.events", {0: kept(0.1)}, "volume_of_newest_day", "10 rows, usual 100 to 100"),
    "half of a weekday missing": ("ga4.events", {0: kept(0.5)}, "volume_of_newest_day", "50 rows"),
    "half of a day a week ago": ("ga4.events", {5: kept(0.5)}, "volume_of_recent_days", "50 rows"),
    "delivered twice": ("ga4.events", {0: twice}, "volume_of_newest_day", "200 rows"),
    "a quiet day": ("ga4.events", {0: kept(0.8)}, None, None),
    "a busy day": ("ga4.events", {0: lambda rows: twice(rows)[:130]}, None, None),
    "nulls surging": (
        "ga4.events", {0: changed("country", lambda _: None, 0.6)}, "nulls_of_newest", "60.0 % null of 100 rows"
    ),
    "nulls creeping": (
        "ga4.events", {ago: changed("country", lambda _: None, 0.2) for ago in range(4)}, "nulls_of_recent", "20.0 %"
    ),
    "a few nulls": ("ga4.events", {0: changed("country", lambda _: None, 0.03)}, None, None),
    "another vocabulary": ("ga4.events", {0: changed("device", lambda _: "TV")}, "words_of_newest", "new words (TV)"),
    "a word that spreads": (
        "ga4.events", {0: changed("device", lambda _: "watch", 0.2)}, "words_of_recent", "20.0 % of 100 rows"
    ),
    "a word now and then": ("ga4.events", {0: changed("device", lambda _: "watch", 0.05)}, None, None),
    "cents for euros": ("hubspot.deals", {0: changed("amount", in_cents)}, "numbers_of_newest", "1,234.00"),
    "cents for euros in a file": (
        "spreadsheets.ad_spend", {0: changed("spend", in_cents)}, "numbers_of_newest",
        "median 1,234.00 over 100 rows, usual 12.34 to 12.34",
    ),
    "dearer by a fifth": ("hubspot.deals", {0: changed("amount", lambda each: Decimal("14.80"))}, None, None),
}  # fmt: skip


@pytest.mark.parametrize(("name", "days", "expectation", "told"), CASES.values(), ids=list(CASES))
def test_what_goes_wrong_is_caught_and_ordinary_change_is_not(
    tmp_path: Path, name: str, days: Mapping[int, Change], expectation: str | None, told: str | None
) -> None:
    lake = History(tmp_path, name, per_day=100, spoil=on(days))
    result = gate.run("raw", settings=lake.settings, tables=[name])
    assert learned_failures(result) == ({expectation} if expectation else set())
    if expectation and told:
        one = found_in(result)[name, expectation]
        assert told in one.message
        assert one.column and f"({one.column})" in one.message
        assert one.severity == ("critical" if expectation.endswith(("newest", "newest_day")) else "warning")


@pytest.mark.parametrize(
    ("empty", "expectation"), [(1, None), (2, "newest_row_nearly_on_time"), (4, "newest_row_on_time")]
)
def test_a_source_that_stands_still(tmp_path: Path, empty: int, expectation: str | None) -> None:
    """Also where too few rows come for volume to say anything; a pull may come a day after the last row."""
    lake = History(tmp_path, "hubspot.owners", per_day=3, empty=empty)
    result = gate.run("raw", settings=lake.settings, tables=["hubspot.owners"])
    assert learned_failures(result) == ({expectation} if expectation else set())


def test_what_was_mended_is_forgotten(tmp_path: Path) -> None:
    """Rows of a record table that a later load mended are not held against the load that brought them."""
    wrong = History(tmp_path, "hubspot.deals", per_day=30, spoil=on({0: changed("lost_reason", lambda _: None)}))
    assert learned_failures(gate.run("raw", settings=wrong.settings)) == {"nulls_of_newest"}
    mended = [usual_row(table("hubspot.deals"), END, number) for number in range(30)]
    wrong.lake._number = 100_000  # the newest load
    wrong.lake.load("hubspot", {"deals": mended}, windows={"deals": (END, END + dt.timedelta(days=1))})
    assert "nulls_of_newest" not in learned_failures(gate.run("raw", settings=wrong.settings))


def test_too_little_history_says_nothing(tmp_path: Path) -> None:
    """The same spoilt day, once with ten days before it and once with all."""
    wrong = on({0: changed("country", lambda _: None), **{ago: lambda _: [] for ago in range(10, HISTORY)}})
    assert not learned_failures(gate.run("raw", settings=History(tmp_path, "ga4.events", spoil=wrong).settings))


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(30, 200))
def test_chance_alone_is_no_finding(tmp_path_factory: pytest.TempPathFactory, seed: int, usual: int) -> None:
    """Days whose rows, nulls, words and numbers vary as independent rows do never stop the pipeline."""
    draw = random.Random(seed)

    def varied(_: Table, __: int, rows: list[Row]) -> list[Row]:
        count = sum(draw.random() < 0.8 for _ in range(usual))
        return [
            {
                **rows[at],
                "country": None if draw.random() < 0.1 else draw.choice("ABC"),
                "value": Decimal(round(draw.lognormvariate(4, 1), 2)).quantize(Decimal("0.01")),
            }
            for at in range(count)
        ]

    lake = History(tmp_path_factory.mktemp("chance"), "ga4.events", per_day=usual, spoil=varied)
    result = gate.run("raw", settings=lake.settings, tables=["ga4.events"])
    assert learned_failures(result, "critical") == set()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"freshnes": {}}, "freshnes: Extra inputs are not permitted"),
        ({"volume": None}, "volume: "),
        ({"tables": {"ga4.evnts": {}}}, r"tables\.ga4\.evnts: there is no such lake table"),
        ({"tables": {"ga4.events": {"nulls": {"critical": {"points": 25}}}}},
         r"tables\.ga4\.events\.nulls\.critical\.points: Input should be less than or equal to 1 \(found 25\)"),
    ],
)  # fmt: skip
def test_a_wrong_limit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(limits, "LIMITS", written(tmp_path, **changes))
    with pytest.raises(SettingsError, match=said):
        limits.limits()


def test_a_table_may_have_limits_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off, eased, and a history that begins after the price list changed; other tables keep theirs."""
    lake = History(tmp_path, "ga4.events", per_day=100, spoil=on({0: kept(0.3)}))

    def judged(**own: Any) -> set[str]:
        monkeypatch.setattr(limits, "LIMITS", written(tmp_path, tables={"ga4.events": own}))
        limits._read.cache_clear()
        return learned_failures(gate.run("raw", settings=lake.settings, tables=["ga4.events"]))

    assert judged() == {"volume_of_newest_day"}
    assert judged(volume={"critical": None}) == {"volume_of_recent_days"}
    assert judged(volume={"critical": {"below": 0.2}, "warning": None}) == set()
    assert judged(history={"since": END - dt.timedelta(days=10)}) == set()
    assert limits.limits("hubspot.deals") == limits.limits()
    limits._read.cache_clear()
