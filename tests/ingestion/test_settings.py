"""Settings, contract files and the doctor."""

import datetime as dt
import os
from pathlib import Path

import duckdb
import fsspec
import pytest
from fsspec import AbstractFileSystem
from pydantic import SecretStr

from ingestion import lake
from ingestion.errors import SettingsError
from ingestion.filesystems import located
from ingestion.pacing import RateLimit
from ingestion.registry import LOAD_ID, SOURCES, bookkeeping, source, table, tables
from ingestion.settings import Settings, reload
from ingestion.sources.spreadsheets import SpreadsheetsSettings
from orchestration.doctor import findings
from sandbox.faults import Fault
from sandbox.server import Running
from tests.ingestion.conftest import END, START


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty directory: no .env, no KPILOTE_ variables but the home."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("KPILOTE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KPILOTE_HOME", "here")
    return reload()


def test_paths_are_absolute_and_reach_subprocesses(bare: Settings, tmp_path: Path) -> None:
    assert bare.home == tmp_path / "here"
    assert bare.lake_url == str(tmp_path / "here" / "lake")
    assert bare.environment()["KPILOTE_HOME"] == str(tmp_path / "here")
    assert bare.environment()["KPILOTE_SOURCES"] == "hubspot,ga4,mailchimp,spreadsheets"
    assert bare.start_date.day == 1


def test_a_lake_url_ends_without_a_slash(bare: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPILOTE_LAKE_URL", "s3://bucket/lake/")
    assert reload().environment()["KPILOTE_LAKE_URL"] == "s3://bucket/lake"


def test_only_stores_that_remember_listings_are_told_not_to() -> None:
    class Plain(AbstractFileSystem):  # type: ignore[misc]
        """As fsspec's sftp: it hands every option on to somebody else."""

        protocol = "plain"

        def __init__(self, **options: object) -> None:
            assert options == {}
            super().__init__()

    fsspec.register_implementation("plain", Plain, clobber=True)
    assert located("plain://folder")[0].protocol == "plain"
    assert located("s3://bucket/folder")[0].dircache.use_listings_cache is False


def test_a_dotenv_file_is_read_and_the_environment_wins(
    bare: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "KPILOTE_CURRENCY=USD\nKPILOTE_TIMEZONE=Europe/Brussels\nKPILOTE_HASH_KEY=\n"
        "SOURCES__SPREADSHEETS__URL=s3://files\n"
    )
    monkeypatch.delenv("SOURCES__SPREADSHEETS__URL", raising=False)
    monkeypatch.setenv("KPILOTE_TIMEZONE", "America/New_York")
    assert SpreadsheetsSettings.load().url == "s3://files"
    read = reload()
    assert (read.currency, read.timezone, read.hash_key) == ("USD", "America/New_York", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KPILOTE_START_DATE", "soon"),
        ("KPILOTE_TIMEZONE", "Mars/Olympus"),
        ("KPILOTE_CURRENCY", "euro"),
        ("KPILOTE_TARGET", "oracle"),
        ("KPILOTE_FROZEN_SOURCES", "salesforce"),
        ("KPILOTE_SOURCES", "hubspt,ga4"),
    ],
)
def test_an_unusable_setting_is_named(name: str, value: str, bare: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name} is not usable: (?!Value error)"):
        reload()


def test_a_source_named_twice_is_one(bare: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPILOTE_SOURCES", "ga4,hubspot,ga4")
    assert reload().sources == ("ga4", "hubspot")


@pytest.mark.parametrize("url", ["s3://files/kpis", "zip://a.csv::files.zip", "/files"])
def test_a_folder_is_absolute_or_a_url(
    url: str, bare: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SPREADSHEETS__URL", url)
    assert SpreadsheetsSettings.load().url == url
    monkeypatch.setenv("SOURCES__SPREADSHEETS__URL", "sheets")
    assert SpreadsheetsSettings.load().url == str(tmp_path / "sheets")


def test_secrets_are_asked_for_when_used(bare: Settings) -> None:
    with pytest.raises(SettingsError, match="KPILOTE_HASH_KEY is not set"):
        bare.require_hash_key()
    with pytest.raises(SettingsError, match="fewer than 16 characters"):
        bare.model_copy(update={"hash_key": SecretStr("a" * 15)}).require_hash_key()
    with pytest.raises(SettingsError, match="KPILOTE_SOURCES"):
        source("acme")
    with pytest.raises(SettingsError, match="is empty"):
        lake.pull("hubspot", dt.date(2026, 1, 1), dt.date(2026, 1, 1), settings=bare)


def test_an_empty_lake_is_readable_and_prepared_once(bare: Settings) -> None:
    lake.prepare(bare, tuple(SOURCES))
    before = {path: path.stat().st_mtime_ns for path in Path(bare.lake_url).rglob("*") if path.is_file()}
    lake.prepare(bare, tuple(SOURCES))
    assert before == {path: path.stat().st_mtime_ns for path in Path(bare.lake_url).rglob("*") if path.is_file()}
    for declared in (*tables(), *(each for name in SOURCES for each in bookkeeping(name))):
        query = f"select * from read_parquet('{lake.table_glob(bare, declared)}', union_by_name = true)"
        found = duckdb.connect().execute(query)
        assert [column[0] for column in found.description] == [c.name for c in (*declared.columns, LOAD_ID)]
        assert found.fetchall() == []


def test_the_registry_is_consistent() -> None:
    for declared in tables():
        assert declared.description
        assert all(column.description for column in declared.columns)
        assert all(
            not declared.column(name).nullable
            for name in declared.key
            if name not in {"campaign", "client_id", "channel"}
        ), declared.full_name
    assert table("hubspot.contacts").personal == ("email_hash", "user_key_hash")


def test_the_doctor_is_content(fresh: Settings) -> None:
    found = list(findings(fresh))
    assert [each.subject for each in found] == ["settings", "sources", "home", "lake", "hash key", *SOURCES, "release"]
    assert [each for each in found if not each.fine] == []
    assert not any("sandbox-" in each.text or "\n" in each.text for each in found)


def test_the_doctor_names_what_to_mend(
    fresh: Settings, company: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__HUBSPOT__ACCESS_TOKEN", "wrong-token")
    monkeypatch.delenv("SOURCES__MAILCHIMP__API_KEY")
    monkeypatch.delenv("KPILOTE_HASH_KEY")
    monkeypatch.setenv("SOURCES__SPREADSHEETS__URL", str(tmp_path / "none"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("KPILOTE_LAKE_URL", str(tmp_path / "file" / "lake"))
    company.faults.add(Fault("/ga4/", "403"))
    failed = {each.subject: each.text for each in findings(reload()) if not each.fine}
    assert set(failed) == {"lake", "hash key", "hubspot", "ga4", "mailchimp", "spreadsheets"}
    assert "KPILOTE_LAKE_URL" in failed["lake"]
    assert "SOURCES__HUBSPOT__ACCESS_TOKEN" in failed["hubspot"]
    assert "wrong-token" not in failed["hubspot"]
    assert "Viewer" in failed["ga4"]
    assert failed["mailchimp"] == "SOURCES__MAILCHIMP__API_KEY is not set"
    assert "SOURCES__SPREADSHEETS__URL" in failed["spreadsheets"]


def test_of_a_frozen_source_the_lake_is_all_there_is(
    fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its account is closed: nothing is asked of it, by nobody, and what the lake holds of it stays."""
    monkeypatch.setenv("KPILOTE_FROZEN_SOURCES", "hubspot")
    nothing = {each.subject: each for each in findings(reload())}["hubspot"]
    assert (nothing.fine, "the lake holds nothing of it" in nothing.text) == (False, True)
    monkeypatch.setenv("KPILOTE_FROZEN_SOURCES", "")
    lake.pull("hubspot", START, START + dt.timedelta(days=30), settings=reload())
    before = {path: path.read_bytes() for path in Path(fresh.lake_url, "hubspot").rglob("*") if path.is_file()}
    monkeypatch.delenv("SOURCES__HUBSPOT__ACCESS_TOKEN")
    monkeypatch.setenv("KPILOTE_FROZEN_SOURCES", " hubspot ")
    asked = len(company.requests)
    pulled = lake.pull("hubspot", START, END, settings=reload())
    assert (pulled.load_ids, pulled.rows) == ((), {})
    found = {each.subject: each for each in findings(reload())}["hubspot"]
    assert (found.fine, found.text) == (True, "history through 2026-06-30, not pulled (KPILOTE_FROZEN_SOURCES)")
    assert not [each for each in company.requests[asked:] if "hubspot" in str(each)]
    assert before == {path: path.read_bytes() for path in Path(fresh.lake_url, "hubspot").rglob("*") if path.is_file()}


def test_the_doctor_says_when_nobody_answers(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPILOTE_SOURCES", "hubspot")
    monkeypatch.setenv("SOURCES__HUBSPOT__BASE_URL", "http://127.0.0.1:9")
    found = {each.subject: each for each in findings(reload())}["hubspot"]
    assert (found.fine, found.text) == (False, "127.0.0.1:9 cannot be reached (connection failed or cut)")


def test_the_doctor_survives_a_connector_that_breaks(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise ZeroDivisionError("sandbox-hubspot-token")

    monkeypatch.setattr("ingestion.sources.hubspot.check", broken)
    found = {each.subject: each for each in findings(fresh)}["hubspot"]
    assert (found.fine, found.text) == (False, "failed unexpectedly (ZeroDivisionError)")


def test_a_rate_limit_spaces_calls_over_any_window(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("ingestion.pacing.time.monotonic", lambda: now[0])
    monkeypatch.setattr("ingestion.pacing.time.sleep", sleep)
    limit = RateLimit(3, 10)
    for _ in range(7):
        limit.wait()
    assert slept == [10, 10]
    limit.allow(1)
    limit.wait()
    assert slept == [10, 10, 10]
