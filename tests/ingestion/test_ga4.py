"""GA4's export files in their forms, and what its reports say of themselves."""

import datetime as dt
import json
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ingestion import lake
from ingestion.errors import SettingsError, SourceError, TypeChangedError
from ingestion.registry import bookkeeping, table
from ingestion.settings import Settings
from sandbox.server import Running
from tests.ingestion.conftest import END
from tests.ingestion.lake_reader import committed, latest, rows, windows

EVENTS = table("ga4.events")
LAST = END - dt.timedelta(days=1)


@pytest.fixture
def export(tmp_path: Path, company: Running, fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The company's export of the last four days, to be changed."""
    folder = tmp_path / "export"
    folder.mkdir()
    for days in range(1, 5):
        day = END - dt.timedelta(days=days)
        shutil.copy(Path(company.env["SOURCES__GA4__EXPORT_URL"]) / f"events_{day:%Y%m%d}.parquet", folder)
    monkeypatch.setenv("SOURCES__GA4__EXPORT_URL", str(folder))
    return folder


def pull(settings: Settings) -> lake.Pull:
    return lake.pull("ga4", LAST, END, settings=settings)


def test_an_export_that_stopped_has_nothing_else_read_again(
    export: Path, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is back its days are read from where they ended, and the reports only those that may change."""
    monkeypatch.setenv("SOURCES__GA4__LOOKBACK_DAYS", "1")
    (export / f"events_{LAST:%Y%m%d}.parquet").rename(export.parent / "late.parquet")
    (export / f"events_{LAST - dt.timedelta(days=1):%Y%m%d}.parquet").rename(export.parent / "later.parquet")
    lake.pull("ga4", LAST - dt.timedelta(days=3), END, settings=fresh)
    told: list[str] = []
    lake.pull("ga4", LAST, END, settings=fresh, notice=told.append)
    (export.parent / "late.parquet").rename(export / f"events_{LAST:%Y%m%d}.parquet")
    (export.parent / "later.parquet").rename(export / f"events_{LAST - dt.timedelta(days=1):%Y%m%d}.parquet")
    lake.pull("ga4", LAST, END, settings=fresh, notice=told.append)
    ended = LAST - dt.timedelta(days=1)
    assert told == 2 * [f"events from {ended} on, as no load covers the days before {LAST}"]
    covered = {
        name: [row["window_start"] for row in windows(fresh, "ga4", name)] for name in ("events", "daily_traffic")
    }
    assert covered == {
        "events": [LAST - dt.timedelta(days=3), ended],
        "daily_traffic": [LAST - dt.timedelta(days=3), LAST, LAST],
    }


def test_days_before_the_first_file_are_not_known(export: Path, fresh: Settings) -> None:
    """An export that was switched on later than the property, or whose old files were removed."""
    lake.pull("ga4", END - dt.timedelta(days=10), END - dt.timedelta(days=5), settings=fresh)
    assert windows(fresh, "ga4", "events") == []
    lake.pull("ga4", END - dt.timedelta(days=10), END, settings=fresh)
    covered = [(row["window_start"], row["window_end"]) for row in windows(fresh, "ga4", "events")]
    assert covered == [(END - dt.timedelta(days=4), END)]


def rewrite(file: Path, query: str, target: str | None = None) -> None:
    """The file through a query over `events`, as Parquet or, by its name, JSON lines."""
    connection = duckdb.connect()
    connection.execute(f"create table events as select * from read_parquet('{file}')")
    file.unlink()
    connection.execute(f"copy ({query}) to '{file.with_name(target) if target else file}'")


def test_shards_json_lines_and_parquet_give_the_same_events(
    export: Path, fresh: Settings, truth: dict[str, list[tuple[object, ...]]]
) -> None:
    shards = sorted(export.iterdir())
    rewrite(shards[0], "select * from events", f"{shards[0].stem}_000000000000.json")
    rewrite(shards[1], "select * exclude (event_timestamp), event_timestamp::varchar as event_timestamp from events",
            f"{shards[1].stem}.json.gz")  # fmt: skip
    (export / f"events_intraday_{LAST:%Y%m%d}.parquet").write_text("not read")
    pull(fresh)
    first = END - dt.timedelta(days=4)
    expected = [row for row in truth["ga4.events"] if isinstance(row[0], dt.date) and row[0] >= first]
    assert latest(fresh, EVENTS) == expected


def test_a_changed_type_of_the_export_fails_the_load(export: Path, fresh: Settings) -> None:
    rewrite(max(export.iterdir()), "select * replace (event_timestamp::varchar as event_timestamp) from events")
    for other in sorted(export.iterdir())[:-1]:
        other.unlink()
    with pytest.raises(TypeChangedError, match="event_timestamp changed: declared bigint, received varchar"):
        pull(fresh)
    assert committed(fresh, "ga4") == []


def test_events_without_a_day_or_moment_go_to_quarantine(export: Path, fresh: Settings) -> None:
    rewrite(
        max(export.iterdir()),
        "select * replace (case when event_name = 'page_view' then 'soon' else event_date end as event_date)"
        " from events",
    )
    result = pull(fresh)
    quarantine = bookkeeping("ga4").quarantine
    refused = rows(fresh, quarantine)
    assert len(refused) == result.quarantined["events"] > 0
    assert {(row["table_name"], row["column_name"]) for row in refused} == {("events", "event_date")}
    assert result.rows["events"] == len(rows(fresh, EVENTS))


def test_purchases_and_refunds_tell_their_order(export: Path, fresh: Settings) -> None:
    """The order's id stands in a parameter or in `ecommerce`, its value in whichever kind the site sent."""
    at = int(dt.datetime.combine(LAST, dt.time(12), dt.UTC).timestamp() * 1_000_000)
    event = {"event_date": f"{LAST:%Y%m%d}", "event_timestamp": at, "user_pseudo_id": "buyer.1"}
    euros = {"key": "currency", "value": {"string_value": "EUR"}}
    id_ = {"key": "transaction_id", "value": {"string_value": "T1"}}
    events = [
        {**event, "event_name": "purchase",
         "event_params": [id_, euros, {"key": "value", "value": {"double_value": 19.99}}]},
        {**event, "event_name": "refund", "ecommerce": {"transaction_id": "T1"},
         "event_params": [euros, {"key": "value", "value": {"int_value": 5}}]},
        {**event, "event_name": "refund", "event_timestamp": at + 1, "event_params": [id_]},
    ]  # fmt: skip
    (export / f"events_{LAST:%Y%m%d}_000000000001.json").write_text("\n".join(map(json.dumps, events)))
    pull(fresh)
    found = [row for row in rows(fresh, EVENTS) if row["client_id"] == "buyer.1"]
    told = ("event_name", "transaction_id", "value", "currency")
    assert sorted((tuple(row[name] for name in told) for row in found), key=str) == [
        ("purchase", "T1", Decimal("19.99"), "EUR"),
        ("refund", "T1", Decimal("5.00"), "EUR"),
        ("refund", "T1", None, None),
    ]


def test_an_unreadable_export_file_is_named(export: Path, fresh: Settings) -> None:
    max(export.iterdir()).write_text("not Parquet")
    with pytest.raises(SourceError, match="the export of 2026-08-28 to 2026-08-31 cannot be read"):
        pull(fresh)


def test_without_an_export_the_reports_stand_alone(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCES__GA4__EXPORT_URL")
    assert set(pull(fresh).rows) == {"daily_traffic", "report_metadata"}


def test_a_missing_export_folder_is_named(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__GA4__EXPORT_URL", "/nowhere/at/all")
    with pytest.raises(SourceError, match="SOURCES__GA4__EXPORT_URL does not exist: /nowhere/at/all"):
        pull(fresh)


def test_addresses_in_urls_and_logins_stay_outside(export: Path, fresh: Settings) -> None:
    rewrite(
        max(export.iterdir()),
        """
        select * replace (
            'Ann@Example.com' as user_id,
            list_transform(event_params, lambda p: case when p.key = 'page_location' then struct_pack(
                key := p.key, value := struct_update(p.value, string_value := 'https://x.io/?e=ann%40example.com')
            ) else p end) as event_params
        ) from events
        """,
    )
    pull(fresh)
    day = [row for row in rows(fresh, EVENTS) if row["event_date"] == LAST]
    assert {row["page_location"] for row in day} == {"https://x.io/?e=(address)"}
    assert len({row["user_id_hash"] for row in day}) == 1
    assert "example.com" not in json.dumps([row["user_id_hash"] for row in day])


def test_of_what_led_here_only_the_host_and_the_kind_of_click_stay(export: Path, fresh: Settings) -> None:
    rewrite(
        max(export.iterdir()),
        """
        with cases (page, referrer) as (values
            ('https://x.io/?gclid=Cj1&FBCLID=Iw2#?gclid=3', 'https://ann@www.Google.com/search?q=ann@example.com'),
            ('https://x.io/b', 'https://www.x.io/?gclid=Cj1'),
            ('https://x.io/?xgclid=1&gclid=', 'android-app://com.google.android.gm/'),
            ('https://x.io/c?a=1&li_fat_id=Q', null)
        ),
        one as (select * from events limit 1)
        select one.* replace (
            list_transform(list_filter(event_params, lambda p: p.key <> 'page_referrer'), lambda p:
                case when p.key = 'page_location'
                then struct_pack(key := p.key, value := struct_update(p.value, string_value := cases.page)) else p end
            ) || [struct_pack(key := 'page_referrer', value := struct_pack(
                string_value := cases.referrer, int_value := null::bigint, float_value := null::double,
                double_value := null::double
            ))] as event_params
        ) from one, cases
        """,
    )
    pull(fresh)
    day = [row for row in rows(fresh, EVENTS) if row["event_date"] == LAST]
    assert {(row["page_location"][:14], row["referrer_host"], row["click_id"]) for row in day} == {
        ("https://x.io/?", "google.com", "fbclid"),
        ("https://x.io/b", None, None),
        ("https://x.io/?", "com.google.android.gm", None),
        ("https://x.io/c", None, "li_fat_id"),
    }


def test_a_token_or_a_service_account_is_needed(
    fresh: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__GA4__ACCESS_TOKEN")
    with pytest.raises(SettingsError, match="SOURCES__GA4__ACCESS_TOKEN is not set, nor is SOURCES__GA4__CREDENTIALS"):
        pull(fresh)
    monkeypatch.setenv("SOURCES__GA4__CREDENTIALS", '{"private_key": "top secret"}')
    with pytest.raises(SettingsError) as caught:
        pull(fresh)
    assert "SOURCES__GA4__CREDENTIALS gives no token" in str(caught.value)
    assert "top secret" not in str(caught.value)
