"""Gate raw on tiny lakes: clean loads pass, every expectation can fail, what was stopped stays so until mended."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations import gate
from expectations.raw import FX_RATES, OPEN_VOCABULARIES, ORDINALS, RATE_DAYS, SIGNED, VOCABULARIES
from expectations.results import GateResult
from expectations.volume import quiet_days
from ingestion.registry import SOURCES, Table, table, tables
from tests.expectations.judging import Found, found_in, judged
from tests.expectations.lake import (
    API_WINDOW,
    DAYS,
    LAST,
    RECIPIENTS,
    ROWS_A_DAY,
    Row,
    TinyLake,
    settings_in,
    valid_row,
    valid_rows,
)

EVERY = [
    (suite.table, expectation.name)
    for suite in gate.suites("raw", settings=settings_in(Path("nowhere")))
    for expectation in suite.expectations
    # What learns takes a history: test_learned.
    if not expectation.name.startswith(("nulls_", "words_", "numbers_", "newest_row_"))
]
OF_FILES = [key for key in EVERY if key[1] in ("loaded", "columns_as_declared")]


def failures(result: GateResult, severity: str = "critical") -> set[tuple[str, str]]:
    return {key for key, one in found_in(result).items() if not one.success and one.severity == severity}


def bad_rows(declared: Table) -> Iterator[Row]:
    """One row for each way a row of the table can be wrong."""
    good = valid_row(declared, DAYS[20], 500)
    texts = [column.name for column in declared.columns if column.type == "string"]
    yield good
    yield dict(good)
    for number, column in enumerate(declared.columns):
        other = valid_row(declared, DAYS[20], 501 + number)
        if not column.nullable:
            yield {**other, column.name: None}
        if column.type in ("decimal", "integer", "double") and column.name not in SIGNED.get(declared.full_name, ()):
            yield {**other, column.name: 2 if column.name == "probability" else -1}
        for words in (VOCABULARIES, OPEN_VOCABULARIES):
            if column.name in words.get(declared.full_name, {}):
                yield {**other, column.name: "unheard_of"}
        if column.name == "currency" and declared.full_name != FX_RATES:
            yield {**other, "currency": "ZZZ"}
    for ordinal in set(ORDINALS) & set(declared.key):
        yield from ({**valid_row(declared, DAYS[30], 700 + number), ordinal: 1} for number in range(10))
    for name, sent in RECIPIENTS:
        if declared.name == name:
            yield {**valid_row(declared, LAST, 700), sent: 5000}
    yield from ({**valid_row(declared, DAYS[20], 600), text: "someone@example.fr"} for text in texts[:1])
    if declared.full_name in RATE_DAYS:
        yield {**valid_row(declared, DAYS[20], 601), RATE_DAYS[declared.full_name]: dt.date(2020, 1, 1)}
    if declared.full_name == FX_RATES:
        yield {**valid_row(declared, DAYS[20], 602), "rate": 0.0}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> TinyLake:
    lake = TinyLake(tmp_path_factory.mktemp("clean"))
    lake.fill(days=DAYS, per_day=ROWS_A_DAY)
    return lake


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Each expectation's result on lakes in which everything is wrong: rows in one, loads and types in the other."""
    rows, files = (tmp_path_factory.mktemp(name) for name in ("rows", "files"))
    of_rows = [key for key in EVERY if key not in OF_FILES]
    return {**judged(_wrong_rows(rows).settings, of_rows), **judged(_wrong_files(files).settings, OF_FILES)}


def _wrong_rows(home: Path) -> TinyLake:
    """Bad rows in every table, two quiet days, refused rows, and windows with a hole that begin after another's
    and end before it.
    """
    lake = TinyLake(home)
    quiet = (LAST, LAST - dt.timedelta(days=5))
    for name, each in SOURCES.items():
        rows = {
            declared.name: [
                *valid_rows(declared, [day for day in DAYS if day not in quiet]),
                *valid_rows(declared, quiet, per_day=2),
                *bad_rows(declared),
            ]
            for declared in each.tables.values()
        }
        windows = {declared: lake.window(name) for declared in each.tables}
        late = {"elsewhere": (LAST, LAST + dt.timedelta(days=30))} if each.is_api else {}
        if each.is_api:
            before_a_hole = (dt.date(2024, 1, 1), dt.date(2024, 1, 8))
            early = {"elsewhere": (dt.date(2023, 12, 1), dt.date(2024, 1, 1))}
            covered = dict.fromkeys((one.name for one in each.window_tables), before_a_hole)
            lake.load(name, {}, windows={**covered, **early})
        refused = [
            {"table_name": declared, "row_number": 100_000 + number, "column_name": "value", "reason": "no number"}
            for declared in each.tables
            for number in range(40)
        ] + [
            {"table_name": declared.name, "row_number": 1, "column_name": declared.key[0], "reason": "empty"}
            for declared in each.tables.values()
        ]
        lake.load(name, rows, windows={**windows, **late}, quarantine=refused, lost=3)
    return lake


def _wrong_files(home: Path) -> TinyLake:
    """Files of the key columns alone, of loads that cover nothing, and no contract file that knows the others."""
    lake = TinyLake(home)
    for declared in tables():
        lake.drop_contracts(declared)
        names = dict.fromkeys((*declared.key, *filter(None, [declared.day_column])))
        row = {name: valid_row(declared, LAST)[name] for name in names}
        schema = pa.schema([pa.field(name, declared.column(name).arrow_type) for name in names])
        lake.write(declared, [row], lake.load(declared.source, {}, windows={}), schema)
    return lake


def test_clean_lake_passes(clean: TinyLake) -> None:
    result = gate.run("raw", settings=clean.settings)
    assert [each.message for one in result.tables for each in one.failures] == []
    assert {one.table for one in result.tables} == {declared.full_name for declared in tables()}


@pytest.mark.parametrize(("name", "expectation"), EVERY, ids=[".".join(each) for each in EVERY])
def test_every_expectation_can_fail(spoiled: Found, name: str, expectation: str) -> None:
    result = spoiled[name, expectation]
    assert not result.success
    assert result.unexpected_count, "it failed for another reason than the rows it is about"
    assert len(result.unexpected_sample) in range(1, 21)
    assert f"gate raw, {name}" in result.message


CORRUPTIONS: dict[str, tuple[str, dict[str, Any], str]] = {
    "negative amount": ("hubspot.deals", {"amount": -5}, "amount_not_negative"),
    "unknown currency": ("hubspot.deals", {"currency": "ZZZ"}, "currency_known"),
    "null key": ("hubspot.deals", {"deal_id": None}, "deal_id_not_null"),
    "negative spend": ("spreadsheets.ad_spend", {"spend": -5}, "spend_not_negative"),
    "unknown currency of a contract": ("spreadsheets.subscriptions", {"currency": "ZZZ"}, "currency_known"),
    "null key of a window table": ("mailchimp.sends", {"campaign_id": None}, "campaign_id_not_null"),
}


@pytest.mark.parametrize(("name", "wrong", "expectation"), CORRUPTIONS.values(), ids=list(CORRUPTIONS))
def test_stopped_stays_stopped_until_mended(tmp_path: Path, name: str, wrong: Row, expectation: str) -> None:
    declared = table(name)
    lake = TinyLake(tmp_path, *{declared.source, "spreadsheets"})
    lake.fill()
    good = valid_row(declared, LAST, 900)
    before = valid_rows(declared, DAYS[-2:], 2) if declared.day_column else []

    def judged() -> set[tuple[str, str]]:
        return failures(gate.run("raw", settings=lake.settings, tables=[name]))

    lake.load(declared.source, {declared.name: [*before, {**good, **wrong}]})
    assert judged() == {(name, expectation)}
    assert judged() == {(name, expectation)}, "judging again must not change the verdict"
    if None not in wrong.values():
        _rerun_without_news(lake, declared)
        assert judged() == {(name, expectation)}, "a rerun that brings nothing new leaves the bad row in staging"
    lake.load(declared.source, {declared.name: [*before, good]})
    assert judged() == set()


def _rerun_without_news(lake: TinyLake, declared: Table) -> None:
    """What a plain rerun brings: of record tables windows without rows, of unchanged files nothing at all."""
    if declared.kind == "record":
        lake.load(declared.source, {}, windows={declared.name: API_WINDOW})


def test_a_key_served_twice_stops_until_served_once(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "hubspot", "spreadsheets")
    lake.fill()
    deals = table("hubspot.deals")
    deal = valid_row(deals, LAST, 900)
    lake.load("hubspot", {"deals": [deal, {**deal, "name": "again"}]})
    _rerun_without_news(lake, deals)
    result = gate.run("raw", settings=lake.settings, tables=["hubspot.deals"])
    assert failures(result) == {("hubspot.deals", "deal_id_unique")}
    assert "hubspot.deals (deal_id): deal_id_unique (critical) failed for 1 row." in result.message()
    lake.load("hubspot", {"deals": [deal]})
    assert gate.run("raw", settings=lake.settings, tables=["hubspot.deals"]).passed


def test_the_same_key_in_two_loads_is_an_update(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "hubspot", "spreadsheets")
    lake.fill()
    deal = valid_row(table("hubspot.deals"), DAYS[0], 0)
    lake.load("hubspot", {"deals": [{**deal, "amount": 99}]})
    assert gate.run("raw", settings=lake.settings, tables=["hubspot.deals"]).passed


def test_a_mended_row_is_not_blamed_for_its_past(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "hubspot", "spreadsheets")
    deal = valid_row(table("hubspot.deals"), LAST, 0)
    lake.load("spreadsheets", {"fx_rates": valid_rows(table(FX_RATES), [LAST])})
    lake.load("hubspot", {"deals": [{**deal, "amount": -1}]})
    lake.load("hubspot", {"deals": [deal]})
    assert gate.run("raw", settings=lake.settings, tables=["hubspot.deals"]).passed


@pytest.mark.parametrize("kept", [0, 2])
def test_ninety_percent_fewer_rows_stop(tmp_path: Path, kept: int) -> None:
    events = table("ga4.events")
    lake = TinyLake(tmp_path, "ga4", "spreadsheets")
    newest = valid_rows(events, [LAST], per_day=kept)
    lake.fill({"ga4.events": [*valid_rows(events, DAYS[:-1]), *newest]})
    result = gate.run("raw", settings=lake.settings, tables=["ga4.events"])
    assert failures(result) == {("ga4.events", "volume_of_newest_day")}
    (row,) = found_in(result)["ga4.events", "volume_of_newest_day"].unexpected_sample
    told = {key: row[key] for key in ("day", "found", "usual")}
    assert told == {"day": "2026-03-01", "found": f"{kept} rows", "usual": "24 to 24 on its weekday"}
    lake.load("ga4", {"events": valid_rows(events, [LAST])}, windows={"events": (LAST, API_WINDOW[1])})
    assert gate.run("raw", settings=lake.settings, tables=["ga4.events"]).passed


def test_a_day_known_to_be_quiet_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = table("ga4.events")
    lake = TinyLake(tmp_path, "ga4", "spreadsheets")
    lake.fill({"ga4.events": valid_rows(events, DAYS[:-1])})
    for known in ("03-01", "2026-03-01"):
        monkeypatch.setattr("expectations.volume.quiet_days", lambda known=known: (known,))
        assert gate.run("raw", settings=lake.settings, tables=["ga4.events"]).passed
    monkeypatch.setattr("expectations.volume.quiet_days", lambda: ("2025-03-01",))
    assert not gate.run("raw", settings=lake.settings, tables=["ga4.events"]).passed


def test_quiet_days_are_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "12-25" in quiet_days()
    wrong = tmp_path / "quiet_days.csv"
    wrong.write_text("day,reason\nChristmas,no day\n")
    monkeypatch.setattr("expectations.volume.QUIET_DAYS", wrong)
    with pytest.raises(ValueError, match="'Christmas' is no day"):
        quiet_days.__wrapped__()


def test_tables_with_few_rows_are_not_judged_by_volume(tmp_path: Path) -> None:
    events = table("ga4.events")
    lake = TinyLake(tmp_path, "ga4", "spreadsheets")
    lake.fill({"ga4.events": valid_rows(events, DAYS[:-1], per_day=15)})
    assert gate.run("raw", settings=lake.settings, tables=["ga4.events"]).passed


def test_uncommitted_loads_do_not_count(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "hubspot", "spreadsheets")
    lake.fill()
    lake.load("hubspot", {"deals": [{**valid_row(table("hubspot.deals"), LAST, 1), "amount": -1}]}, commit=False)
    assert gate.run("raw", settings=lake.settings, tables=["hubspot.deals"]).passed


def test_rows_refused_stop_by_their_share(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "hubspot", "spreadsheets")
    deals = table("hubspot.deals")
    lake.load("spreadsheets", {"fx_rates": valid_rows(table(FX_RATES), [LAST])})
    rows = valid_rows(deals, DAYS[:30], per_day=10)
    refused = [
        {"table_name": "deals", "row_number": number, "column_name": "amount", "reason": "x"} for number in (3, 9)
    ]
    lake.load("hubspot", {"deals": rows}, quarantine=refused)
    result = gate.run("raw", settings=lake.settings, tables=["hubspot.deals"])
    assert result.passed
    assert failures(result, "warning") == {("hubspot.deals", "no_rows_refused")}
    lake.load("hubspot", {"deals": rows[:10]}, quarantine=refused)
    result = gate.run("raw", settings=lake.settings, tables=["hubspot.deals"])
    assert failures(result) == {("hubspot.deals", "few_rows_refused")}


def test_rows_refused_of_a_day_pulled_again_are_forgotten(tmp_path: Path) -> None:
    spend = table("spreadsheets.ad_spend")
    lake = TinyLake(tmp_path, "spreadsheets")
    lake.fill()
    rows = valid_rows(spend, DAYS[-5:], per_day=30)
    refused = [{"table_name": "ad_spend", "row_number": 3, "column_name": "clicks", "reason": "no number"}]
    lake.load("spreadsheets", {"ad_spend": rows}, quarantine=refused)
    result = gate.run("raw", settings=lake.settings, tables=["spreadsheets.ad_spend"])
    assert failures(result, "warning") == {("spreadsheets.ad_spend", "no_rows_refused")}
    lake.load("spreadsheets", {"ad_spend": rows})
    result = gate.run("raw", settings=lake.settings, tables=["spreadsheets.ad_spend"])
    assert failures(result, "warning") == set()


def _file(lake: TinyLake, full_name: str, load_id: str) -> Path:
    declared = table(full_name)
    return Path(lake.settings.lake_url) / declared.source / declared.name / f"{load_id}.0.parquet"


def _truncate(path: Path) -> None:
    kept = pq.read_table(path)
    pq.write_table(kept.slice(0, kept.num_rows - 1), path)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "removed": Path.unlink,
    "truncated": _truncate,
    "doubled": lambda path: shutil.copy(path, path.with_name(f"copy-{path.name}")),
    "emptied": lambda path: pq.write_table(pq.read_table(path).slice(0, 0), path),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
@pytest.mark.parametrize("name", ["hubspot.deals", "spreadsheets.ad_spend"])
def test_a_damaged_load_is_caught(tmp_path: Path, name: str, damage: Callable[[Path], Any]) -> None:
    declared = table(name)
    lake = TinyLake(tmp_path, *{declared.source, "spreadsheets"})
    lake.fill()
    load_id = lake.load(declared.source, {declared.name: valid_rows(declared, DAYS[-2:], per_day=30)})
    assert gate.run("raw", settings=lake.settings, tables=[name]).passed
    damage(_file(lake, name, load_id))
    result = gate.run("raw", settings=lake.settings, tables=[name])
    found = found_in(result)[name, "rows_accounted_for"]
    (row,) = found.unexpected_sample
    assert not found.success
    assert (row["load_id"], row["received"], row["accepted_then"], row["quarantined"]) == (load_id, 60, 60, 0)
    assert row["accepted"] == {Path.unlink: 0, _truncate: 59}.get(damage, 120 if damage is DAMAGE["doubled"] else 0)


@pytest.mark.parametrize("book", ["_quarantine", "_received"])
def test_lost_bookkeeping_is_caught(tmp_path: Path, book: str) -> None:
    lake = TinyLake(tmp_path, "hubspot", "spreadsheets")
    lake.fill()
    deals = valid_rows(table("hubspot.deals"), DAYS[-20:], per_day=20)
    refused = [{"table_name": "deals", "row_number": 3, "column_name": "amount", "reason": "no number"}]
    load_id = lake.load("hubspot", {"deals": deals}, quarantine=refused)
    assert gate.run("raw", settings=lake.settings, tables=["hubspot.deals"]).passed
    (Path(lake.settings.lake_url) / "hubspot" / book / f"{load_id}.0.parquet").unlink()
    result = gate.run("raw", settings=lake.settings, tables=["hubspot.deals"])
    assert failures(result) == {("hubspot.deals", "rows_accounted_for")}


def test_loads_from_before_there_were_accounts_are_not_judged(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "hubspot", "spreadsheets")
    lake.fill()
    deals = table("hubspot.deals")
    old = lake.load("hubspot", {"deals": valid_rows(deals, DAYS[-4:], 2)})
    for account in (Path(lake.settings.lake_url) / "hubspot" / "_received").glob("[0-9]*"):
        account.unlink()
    _truncate(_file(lake, "hubspot.deals", old))
    assert gate.run("raw", settings=lake.settings, tables=["hubspot.deals"]).passed
    new = lake.load("hubspot", {"deals": valid_rows(deals, DAYS[-4:], 2)})
    assert gate.run("raw", settings=lake.settings, tables=["hubspot.deals"]).passed
    _truncate(_file(lake, "hubspot.deals", new))
    assert not gate.run("raw", settings=lake.settings, tables=["hubspot.deals"]).passed


def test_a_damaged_load_counts_no_more_once_its_days_were_pulled_again(tmp_path: Path) -> None:
    spend = table("spreadsheets.ad_spend")
    lake = TinyLake(tmp_path, "spreadsheets")
    lake.fill()
    rows = valid_rows(spend, DAYS[-2:], per_day=30)
    _file(lake, spend.full_name, lake.load("spreadsheets", {"ad_spend": rows})).unlink()
    assert not gate.run("raw", settings=lake.settings, tables=[spend.full_name]).passed
    lake.load("spreadsheets", {"ad_spend": rows})
    assert gate.run("raw", settings=lake.settings, tables=[spend.full_name]).passed


def test_without_the_files_every_currency_but_ours_is_unknown(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "hubspot")
    lake.fill()
    result = gate.run("raw", settings=lake.settings, tables=["hubspot.deals"])
    assert failures(result) == {("hubspot.deals", "currency_known")}
    lake.load(
        "hubspot", {"deals": [{**row, "currency": "EUR"} for row in valid_rows(table("hubspot.deals"), DAYS[-2:], 2)]}
    )
    assert gate.run("raw", settings=lake.settings, tables=["hubspot.deals"]).passed


def test_no_lake_blocks_every_table(tmp_path: Path) -> None:
    result = gate.run("raw", settings=settings_in(tmp_path))
    assert all(each.blocked for each in result.tables)
    assert "hubspot.contacts: readable (critical) failed" in result.message()
