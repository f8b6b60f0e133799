"""Files that grow: only what was added is understood, and every load says what reading the files whole would say."""

import datetime as dt
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingestion import lake
from ingestion.errors import KpiloteError
from ingestion.privacy import Hasher
from ingestion.registry import bookkeeping, table
from ingestion.settings import Settings
from ingestion.sources import spreadsheets
from ingestion.sources.spreadsheets import Reader, find, growth
from tests.conftest import IS_NIGHTLY
from tests.ingestion.conftest import END, START
from tests.ingestion.lake_reader import committed, rows

AD_SPEND = table("spreadsheets.ad_spend")
HEADER = "date,platform,channel,campaign,spend,currency,impressions,clicks"
DAYS = 600
FIRST = dt.date(2024, 1, 1)
NEXT = FIRST + dt.timedelta(days=DAYS)


def row(day: dt.date, spend: str = "10", campaign: str = "a") -> str:
    # A long name: the file is large enough to be gone on from, and has few rows.
    return f"{day},google_ads,paid_search,{campaign}{'-' * 500},{spend},EUR,1,1\n"


@pytest.fixture
def folder(tmp_path: Path, fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "sheets"
    path.mkdir()
    monkeypatch.setenv("SOURCES__SPREADSHEETS__URL", str(path))
    days = [FIRST + dt.timedelta(days=day) for day in range(DAYS)]
    (path / "ad_spend.csv").write_text(f"{HEADER}\n{''.join(map(row, days))}")
    assert (path / "ad_spend.csv").stat().st_size > growth.LEAST_BYTES
    return path


@pytest.fixture
def understood(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many lines were understood since it was last asked."""
    counts = [0]
    read_rows = spreadsheets.read_rows

    def counted(*arguments: object) -> object:
        counts[0] += len(arguments[1])  # type: ignore[arg-type]
        return read_rows(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(spreadsheets, "read_rows", counted)

    def since() -> int:
        counts.append(0)
        return counts.pop(0)

    return since


def pull(settings: Settings) -> lake.Pull:
    return lake.pull("spreadsheets", START, END, settings=settings)


def held(settings: Settings) -> tuple[list[str], list[str]]:
    """Rows of the newest load, and the reasons of those it refused."""
    newest = committed(settings, "spreadsheets")[-1]
    names = [column.name for column in AD_SPEND.columns]
    mine = [each for each in rows(settings, AD_SPEND) if each["_dlt_load_id"] == newest]
    refused = [
        each for each in rows(settings, bookkeeping("spreadsheets").quarantine) if each["_dlt_load_id"] == newest
    ]
    return sorted(repr([each[name] for name in names]) for each in mine), sorted(each["reason"] for each in refused)


def whole(folder: Path) -> tuple[list[str], list[str]]:
    """What reading the files says, without a lake."""
    files = find(str(folder), {"ad_spend": AD_SPEND})["ad_spend"]
    return told(list(Reader(AD_SPEND, Hasher("k"), ZoneInfo("Europe/Paris")).read(files)))


def told(batches: list[Any]) -> tuple[list[str], list[str]]:
    built = [repr(list(each.values())) for batch in batches for each in batch.rows.to_pylist()]
    return sorted(built), sorted(refusal.reason for batch in batches for refusal in batch.refused)


def test_only_what_was_added_is_understood(folder: Path, fresh: Settings, understood: Callable[[], int]) -> None:
    pull(fresh)
    assert understood() == DAYS
    for day in range(2):
        with (folder / "ad_spend.csv").open("a") as file:
            file.write(row(NEXT + dt.timedelta(days=day)) + "\n")
        result = pull(fresh)
        assert understood() == 1
        assert result.rows["ad_spend"] == DAYS + day + 1
        assert held(fresh) == whole(folder)
        understood()
    (account,) = [
        each
        for each in rows(fresh, bookkeeping("spreadsheets").received)
        if each["table_name"] == "ad_spend" and each["_dlt_load_id"] == committed(fresh, "spreadsheets")[-1]
    ]
    assert (account["rows_received"], account["rows_accepted"]) == (DAYS + 2, DAYS + 2)


def _corrected(file: Path, _: Settings) -> None:
    file.write_text(file.read_text().replace(",10,EUR", ",11,EUR", 1) + row(NEXT))


def _late(file: Path, _: Settings) -> None:
    file.write_text(file.read_text() + row(NEXT) + row(FIRST, campaign="b"))


def _twice(file: Path, _: Settings) -> None:
    file.write_text(file.read_text() + row(NEXT) + row(NEXT - dt.timedelta(days=1), spend="12"))


def _wrong(file: Path, _: Settings) -> None:
    file.write_text(file.read_text() + row(NEXT) + row(NEXT + dt.timedelta(days=1), spend="a lot"))


def _nothing_but_wrong(file: Path, _: Settings) -> None:
    file.write_text(file.read_text() + row(NEXT, spend="a lot"))


def _another_row_end(file: Path, _: Settings) -> None:
    file.write_text(file.read_text()[:-1] + "0\n" + row(NEXT))


def _marked(file: Path, _: Settings) -> None:
    file.write_text(f"{file.read_text()}\ufeff{row(NEXT)}", encoding="utf-8")


def _another_file(file: Path, _: Settings) -> None:
    file.write_text(file.read_text() + row(NEXT))
    file.with_name("ad_spend_2.csv").write_text(f"{HEADER}\n{row(NEXT, campaign='b')}")


def _renamed(file: Path, _: Settings) -> None:
    file.write_text(file.read_text() + row(NEXT))
    file.rename(file.with_name("ad_spend_2.csv"))


def _lost_rows(file: Path, settings: Settings) -> None:
    file.write_text(file.read_text() + row(NEXT))
    for path in (Path(settings.lake_url) / "spreadsheets" / "ad_spend").glob("[0-9]*.parquet"):
        path.unlink()


CHANGES = (
    _corrected,
    _late,
    _twice,
    _wrong,
    _nothing_but_wrong,
    _another_row_end,
    _marked,
    _another_file,
    _renamed,
    _lost_rows,
)


def test_whatever_else_was_done_to_a_file_it_is_read_whole(
    folder: Path, fresh: Settings, understood: Callable[[], int]
) -> None:
    """Of one load in the lake and what it kept, each change by itself."""
    file = folder / "ad_spend.csv"
    before = file.read_text()
    _, kept = read(folder, fresh, None)
    pull(fresh)
    for change in CHANGES:
        for path in folder.iterdir():
            path.unlink()
        file.write_text(before)
        change(file, fresh)
        understood()
        said, after = read(folder, fresh, kept)
        assert understood() >= DAYS, change.__name__
        assert said == whole(folder), change.__name__
        assert (after is None) == bool(said[1]), "nothing may rest on a load that refused a row"


ADDED = st.one_of(
    st.builds(
        row,
        st.integers(-2, 9).map(lambda days: NEXT + dt.timedelta(days=days)),
        spend=st.just("10") | st.sampled_from(["12.5", "1 234", "", "a lot", "-1"]),
        campaign=st.just("a") | st.sampled_from(["b;c", '"q', '"two\nlines"', 'x"y', "é", "=1+1"]),
    ),
    st.sampled_from(["\n", "\r\n", ";\n", ",,,,,,,\n", '"', "\ufeff", "\x00", f"{HEADER}\n", "sep=;\n", "\udce9"]),
    st.text('0123456789,;"\n\r-a', max_size=12),
)


@settings(max_examples=2_000 if IS_NIGHTLY else 40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(added=st.lists(ADDED, max_size=5).map("".join), cost=st.sampled_from([b"10", b"10", b"11"]))
@example(added=row(NEXT - dt.timedelta(days=1), spend="12"), cost=b"10")
def test_whatever_was_added_a_load_says_what_reading_whole_says(
    grown: tuple[Path, Settings, growth.Read], added: str, cost: bytes
) -> None:
    """Rows, rubbish, or what makes rubbish of rows, behind the bytes of before, or behind as many others."""
    folder, settings_, kept = grown
    file = folder / "ad_spend.csv"
    before = file.read_bytes()
    try:
        file.write_bytes(before.replace(b",10,", b",%b," % cost, 1) + added.encode(errors="surrogateescape"))
        assert _said(lambda: read(folder, settings_, kept)[0]) == _said(lambda: whole(folder))
    finally:
        file.write_bytes(before)


@pytest.fixture
def grown(folder: Path, fresh: Settings) -> tuple[Path, Settings, growth.Read]:
    """A file that was pulled, and what the load kept."""
    _, kept = read(folder, fresh, None)
    pull(fresh)
    return folder, fresh, kept


def _said(reading: Callable[[], tuple[list[str], list[str]]]) -> object:
    try:
        return reading()
    except KpiloteError as error:
        return str(error)


def read(folder: Path, settings: Settings, before: growth.Read | None) -> tuple[tuple[list[str], list[str]], Any]:
    """What a load would say of the files, as `whole` does, and what it would keep."""
    files = find(str(folder), {"ad_spend": AD_SPEND})["ad_spend"]
    reader = partial(Reader, AD_SPEND, Hasher("k"), ZoneInfo(settings.timezone))
    reading = growth.read(settings, AD_SPEND, files, {file.name: file.seal() for file in files}, before, reader)
    batches = []
    while True:
        try:
            batches.append(next(reading))
        except StopIteration as ended:
            return told(batches), ended.value


def test_a_later_kpilote_reads_whole(
    folder: Path, fresh: Settings, understood: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, kept = read(folder, fresh, None)
    pull(fresh)
    (folder / "ad_spend.csv").write_text((folder / "ad_spend.csv").read_text() + row(NEXT))
    understood()
    read(folder, fresh, kept)
    assert understood() == 1
    monkeypatch.setattr(growth, "version", lambda _: "of tomorrow")
    read(folder, fresh, kept)
    assert understood() == DAYS + 1
