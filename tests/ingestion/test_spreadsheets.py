"""Files as people save them: separators, encodings, French and English cells; errors name file, row and column."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ingestion import lake
from ingestion.errors import SourceError
from ingestion.registry import bookkeeping, table
from ingestion.settings import Settings, reload
from ingestion.sources.spreadsheets import templates
from tests.ingestion.conftest import END, START
from tests.ingestion.lake_reader import committed, latest, rows, windows

AD_SPEND = table("spreadsheets.ad_spend")
HEADER = "date,platform,channel,campaign,spend,currency,impressions,clicks"
SEMICOLONS, TABS = HEADER.replace(",", ";"), HEADER.replace(",", "\t")


@pytest.fixture
def folder(tmp_path: Path, fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "sheets"
    path.mkdir()
    monkeypatch.setenv("SOURCES__SPREADSHEETS__URL", str(path))
    return path


def pull(settings: Settings) -> lake.Pull:
    return lake.pull("spreadsheets", START, END, settings=settings)


def only(settings: Settings, full_name: str = "spreadsheets.ad_spend") -> dict[str, Any]:
    (row,) = rows(settings, table(full_name))
    return row


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n2026-03-31,google_ads,paid_search,été,1234.50,EUR,1000,10\n".encode(),
        f"{HEADER}\r\n2026-03-31,google_ads,paid_search,été,1234.5,eur,1000,10\r\n".encode("utf-8-sig"),
        f"{SEMICOLONS}\n31/03/2026;google_ads;paid_search;été;1 234,50;EUR;1 000;10\n".encode("cp1252"),
        f"{SEMICOLONS}\n31/03/2026;google_ads;paid_search;été;1\u202f234,50;EUR;1000;10\n".encode(),
        f"{TABS}\n31.03.2026\tgoogle_ads\tpaid_search\tété\t1.234,50\tEUR\t1000\t10\n".encode("utf-16"),
        f'{HEADER},Notes\n"31-03-2026","google_ads","paid_search","été","1,234.50","EUR",1000,10,"a, b"\n,,\n'.encode(),
        f"{HEADER.upper()}\n2026-03-31,google_ads,paid_search,été,1234.5,EUR,1000,10\n".encode(),
    ],
    ids=["plain", "bom", "french", "narrow-space", "utf-16", "quoted", "capitals"],
)
def test_a_row_is_the_same_however_it_was_saved(content: bytes, folder: Path, fresh: Settings) -> None:
    (folder / "ad_spend.csv").write_bytes(content)
    pull(fresh)
    row = only(fresh)
    assert (row["date"], row["campaign"], row["spend"], row["currency"]) == (
        dt.date(2026, 3, 31), "été", Decimal("1234.50"), "EUR",
    )  # fmt: skip
    assert (row["impressions"], row["clicks"], row["file_name"], row["row_number"]) == (1000, 10, "ad_spend.csv", 2)


def test_a_workbook_gives_what_it_shows(folder: Path, fresh: Settings) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Read me"
    sheet = book.create_sheet("subscriptions")
    sheet.append(["subscription_id", "customer_id", "plan", "mrr", "currency", "started_on", "ended_on"])
    sheet.append([1001, "77", "pro", 99.9, "EUR", dt.datetime(2026, 3, 1), None])
    sheet.append([None] * 7)
    book.save(folder / "subscriptions-billing.xlsx")
    pull(fresh)
    row = only(fresh, "spreadsheets.subscriptions")
    assert (row["subscription_id"], row["mrr"], row["started_on"], row["ended_on"], row["row_number"]) == (
        "1001", Decimal("99.90"), dt.date(2026, 3, 1), None, 2,
    )  # fmt: skip


def test_months_percentages_and_years(folder: Path, fresh: Settings) -> None:
    (folder / "marketing_costs.csv").write_text("month;category;channel;amount;currency\n03/2026;tools;;1000;EUR\n")
    (folder / "targets.csv").write_text(
        "kpi,cadence,period_start,dimension,dimension_value,target\nwin_rate,month,2026-03-01,total,total,12 %\n"
    )
    (folder / "benchmarks.csv").write_text("kpi,sector,year,value,source,definition\nwin_rate,b2b,2025,0.2,Someone,\n")
    pull(fresh)
    assert only(fresh, "spreadsheets.marketing_costs")["month"] == dt.date(2026, 3, 1)
    assert only(fresh, "spreadsheets.targets")["target"] == pytest.approx(0.12)
    assert only(fresh, "spreadsheets.benchmarks")["year_start"] == dt.date(2025, 1, 1)


def test_a_wrong_cell_keeps_its_row_out_and_says_where_and_what_to_write(folder: Path, fresh: Settings) -> None:
    good = [f"2026-03-{day},google_ads,paid_search,a,10,EUR,1,1" for day in range(10, 20)]
    lines = [
        HEADER,
        "2026-03-31,google_ads,paid_search,a,10,EUR,1,1",
        "31/02/2026,google_ads,paid_search,a,10,EUR,1,1",
        "2026-03-31,google_ads,paid_search,a,a lot,EUR,1,1",
        "2026-03-31,,paid_search,a,10,EUR,1,1",
        "2026-03-31,google_ads,paid_search,a,10,euros,1,1",
        '2026-03-31,google_ads,paid_search,a,"1,234",EUR,1,1',
        "2026-03-31,google_ads,paid_search,a,10,EUR,1.5,1",
        *good,
    ]
    (folder / "ad_spend.csv").write_text("\n".join(lines))
    result = pull(fresh)
    assert (result.rows["ad_spend"], result.quarantined["ad_spend"]) == (11, 6)
    quarantine = bookkeeping("spreadsheets").quarantine
    assert [row["reason"] for row in sorted(rows(fresh, quarantine), key=lambda row: row["row_number"])] == [
        "ad_spend.csv, row 3, column date: '31/02/2026' is not a date; write 2026-03-31 or 31/03/2026",
        "ad_spend.csv, row 4, column spend: 'a lot' is not a number; write 1234.56 or 1 234,56",
        "ad_spend.csv, row 5, column platform: is empty; fill it in (Ad platform, e.g. google_ads.)",
        "ad_spend.csv, row 6, column currency: 'euros' is not a currency; write its ISO code, e.g. EUR",
        "ad_spend.csv, row 7, column spend: '1,234' may mean two numbers; write 1234 or 1.2340",
        "ad_spend.csv, row 8, column impressions: '1.5' is not a whole number",
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "ad_spend.csv",
            "date;platform;spend\n",
            "ad_spend.csv: the header (row 1) lacks the column channel, campaign",
        ),
        ("ad_spend.csv", "", "ad_spend.csv is empty: save it again"),
        ("ad_spend.csv", f"{HEADER},Date\n", "ad_spend.csv: the header (row 1) has the column date twice"),
        ("adspend.csv", HEADER, "adspend.csv is of no known type: begin its name with one of ad_spend"),
        ("ad_spend.xlsx", "not a workbook", "ad_spend.xlsx is no workbook: give it the ending"),
    ],
)
def test_a_wrong_file_fails_the_pull_and_is_named(
    name: str, content: str, said: str, folder: Path, fresh: Settings
) -> None:
    (folder / name).write_text(content)
    with pytest.raises(SourceError) as caught:
        pull(fresh)
    assert said in str(caught.value)
    assert committed(fresh, "spreadsheets") == []


def test_unchanged_files_are_not_read_again_and_changes_replace_all(folder: Path, fresh: Settings) -> None:
    file = folder / "ad_spend.csv"
    file.write_text(f"{HEADER}\n2026-03-30,google_ads,paid_search,a,1,EUR,1,1\n2026-03-31,google_ads,x,a,1,EUR,1,1\n")
    (folder / "~$ad_spend.xlsx").write_text("Excel is open")
    assert pull(fresh).load_ids
    assert not pull(fresh).load_ids
    file.write_text(f"{HEADER}\n2026-03-31,google_ads,paid_search,a,2,EUR,1,1\n")
    assert dict(pull(fresh).rows) == {"ad_spend": 1}
    assert [row[4] for row in whole(fresh)] == [Decimal("2.00")]
    file.unlink()
    assert pull(fresh).load_ids
    assert whole(fresh) == []


def whole(settings: Settings) -> list[tuple[Any, ...]]:
    """Rows of the newest load that covers the type."""
    newest = max((row["_dlt_load_id"] for row in windows(settings, "spreadsheets", "ad_spend")), key=float)
    kept = [row for row in rows(settings, AD_SPEND) if row["_dlt_load_id"] == newest]
    assert len(latest(settings, AD_SPEND)) == len(kept)
    return [tuple(row.values()) for row in kept]


def test_a_source_moved_out_of_the_lake_is_pulled_anew(folder: Path, fresh: Settings, tmp_path: Path) -> None:
    (folder / "ad_spend.csv").write_text(f"{HEADER}\n2026-03-31,google_ads,paid_search,a,1,EUR,1,1\n")
    pull(fresh)
    (Path(fresh.lake_url) / "spreadsheets").rename(tmp_path / "moved")
    assert dict(pull(fresh).rows) == {"ad_spend": 1}
    assert len(whole(fresh)) == 1


def test_a_missing_folder_is_named(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SPREADSHEETS__URL", "/nowhere/at/all")
    with pytest.raises(SourceError, match="SOURCES__SPREADSHEETS__URL cannot be listed"):
        pull(reload())


def test_the_templates_are_those_of_the_registry() -> None:
    kept = {path.name: path.read_bytes().decode() for path in templates.FOLDER.iterdir()}
    assert kept == templates.contents(), "run python -m ingestion.sources.spreadsheets.templates"
