"""What a gate leaves behind: one message, JSON, pages, and nothing personal in any of them."""

import hashlib
import json
import re
import urllib.parse
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from expectations import docs, gate
from expectations.__main__ import main
from ingestion.registry import table
from ingestion.settings import reload
from tests.expectations import warehouse
from tests.expectations.lake import DAYS, LAST, TinyLake, settings_in, valid_row, valid_rows

SECRET = hashlib.sha256(b"someone").hexdigest()
COOKIE = "1234567890.1700000000"


@pytest.fixture
def lake(tmp_path: Path) -> TinyLake:
    made = TinyLake(tmp_path, "hubspot", "spreadsheets")
    made.fill()
    return made


def test_message_names_gate_table_column_expectation_count_and_mend(lake: TinyLake) -> None:
    deal = valid_row(table("hubspot.deals"), LAST, 900)
    lake.load("hubspot", {"deals": [{**deal, "amount": -1}, {**deal, "deal_id": "other", "amount": -2}]})
    result = gate.run("raw", settings=lake.settings, tables=["hubspot.deals", "hubspot.owners"])
    verdict, line = result.message().splitlines()
    assert verdict.startswith("gate raw failed: 1 critical and 0 warnings")
    assert line.startswith("gate raw, hubspot.deals (amount): amount_not_negative (critical) failed for 2 rows.")
    assert "run `kpilote refresh` again" in line


def test_result_is_stored_with_every_expectation(lake: TinyLake) -> None:
    result = gate.run("raw", settings=lake.settings, tables=["hubspot.deals"])
    stored = json.loads(result.path.read_text())
    assert stored == json.loads(json.dumps(result.to_dict()))
    assert stored["passed"] is True
    assert result.path.parent == lake.settings.docs_dir / "results" / "raw"
    suite = next(each for each in gate.suites("raw", settings=lake.settings) if each.table == "hubspot.deals")
    assert [each["name"] for each in stored["tables"][0]["expectations"]] == [each.name for each in suite.expectations]
    assert all(each["observed"] is not None for each in stored["tables"][0]["expectations"])


def test_a_page_per_table_and_run(lake: TinyLake) -> None:
    deal = valid_row(table("hubspot.deals"), LAST, 900)
    lake.load("hubspot", {"deals": [{**deal, "name": "<b>"}, {**deal, "amount": -7}]})
    result = gate.run("raw", settings=lake.settings, tables=["hubspot.deals", "hubspot.owners"])
    deals, owners = (page_of(str(each.docs_url)) for each in result.tables)
    assert deals.is_relative_to(lake.settings.docs_dir)
    assert owners.read_text() != deals.read_text()
    for said in ("amount_not_negative (critical): ", "run `kpilote refresh` again", "deal_id_unique", deal["deal_id"]):
        assert said in deals.read_text()


@pytest.mark.browser
def test_a_page_shows_what_it_says(lake: TinyLake, browser: Browser) -> None:
    lake.load("hubspot", {"deals": [{**valid_row(table("hubspot.deals"), LAST, 900), "amount": -7}]})
    result = gate.run("raw", settings=lake.settings, tables=["hubspot.deals"])
    window = browser.new_page()
    window.goto(str(result.tables[0].docs_url))
    shown = window.inner_text("body")
    for each in result.tables[0].expectations:
        assert f"{each.name} ({each.severity}): " in shown
    assert "-7" in shown


def test_the_index_links_the_pages_of_every_run(lake: TinyLake) -> None:
    runs = [gate.run("raw", settings=lake.settings, tables=["hubspot.deals", "hubspot.owners"]) for _ in range(2)]
    index = lake.settings.docs_dir / "site" / "index.html"
    links = [urllib.parse.unquote(link) for link in re.findall(r'href="([^"]+)"', index.read_text())]
    pages = [page_of(str(each.docs_url)) for run in reversed(runs) for each in run.tables]
    assert [index.parent / link for link in links] == pages
    assert all(page.exists() for page in pages)


def test_pages_load_nothing_from_elsewhere(lake: TinyLake) -> None:
    gate.run("raw", settings=lake.settings, tables=["hubspot.owners"])
    pages = list((lake.settings.docs_dir / "site").rglob("*.html"))
    assert len(pages) == 2
    for page in pages:
        assert "http" not in page.read_text()
        assert "<script" not in page.read_text()


def page_of(url: str) -> Path:
    return Path(urllib.parse.unquote(urllib.parse.urlparse(url).path))


def test_old_runs_are_removed_and_the_rest_stays(lake: TinyLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "KEEP_RUNS", 2)
    runs = [gate.run("raw", settings=lake.settings, tables=["hubspot.owners"]) for _ in range(3)]
    kept = {path.stem for path in (lake.settings.docs_dir / "results" / "raw").glob("*.json")}
    assert kept == {runs[1].run_id, runs[2].run_id}
    for folder in ("validations", "site/validations"):
        found = {path.name for path in (lake.settings.docs_dir / folder / "raw" / "hubspot__owners").iterdir()}
        assert found == kept


def test_personal_columns_never_appear(tmp_path: Path) -> None:
    """Not in results, not in pages, not in GX's own files: hashed once more, equal values staying equal."""
    lake = TinyLake(tmp_path, "mailchimp", "hubspot", "ga4", "spreadsheets")
    lake.fill()
    send = {**valid_row(table("mailchimp.sends"), LAST, 900), "email_hash": SECRET, "status": "unheard_of"}
    contact = {**valid_row(table("hubspot.contacts"), LAST, 900), "email_hash": SECRET, "ga_client_id": COOKIE}
    event = {**valid_row(table("ga4.events"), LAST, 900), "client_id": COOKIE, "value": -1}
    lake.load("mailchimp", {"sends": [*valid_rows(table("mailchimp.sends"), DAYS[-2:], 2), send, send]})
    lake.load("hubspot", {"contacts": [contact, contact, {**contact, "contact_id": "x", "country": "a@example.fr"}]})
    lake.load("ga4", {"events": [*valid_rows(table("ga4.events"), DAYS[-2:], 2), event, event]})
    tables = ["mailchimp.sends", "hubspot.contacts", "ga4.events"]
    result = gate.run("raw", settings=lake.settings, tables=tables)
    failed = {(each.table, one.name) for each in result.tables for one in each.failures}
    assert {
        ("mailchimp.sends", "campaign_id_email_hash_unique"),
        ("mailchimp.sends", "status_known"),
        ("hubspot.contacts", "no_address"),
        ("ga4.events", "value_not_negative"),
    } <= failed
    written = [path for path in lake.settings.docs_dir.rglob("*") if path.is_file()]
    assert len(written) > len(tables)
    for path in written:
        text = path.read_text(errors="replace")
        for value in (SECRET, COOKIE, "a@example.fr"):
            assert value not in text, f"{path} shows a personal value"
    (row,) = next(
        one.unexpected_sample
        for each in result.tables
        for one in each.failures
        if one.name == "campaign_id_email_hash_unique"
    )
    assert row["email_hash"] == "#" + hashlib.sha256(SECRET.encode()).hexdigest()[:16]


def test_personal_columns_of_the_warehouse_are_hashed(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    warehouse.build(settings.warehouse_path)
    warehouse.spoil(
        settings.warehouse_path,
        f"update intermediate.int_sessions__unified set client_id = '{COOKIE}', page_views = -1 where rowid = 0",
        f"update intermediate.int_email_sends__unified set send_id = 'k:{SECRET}', sent_at = null where rowid = 0",
    )
    result = gate.run("unified", settings=settings, tables=["int_sessions__unified", "int_email_sends__unified"])
    assert not result.passed
    for path in settings.docs_dir.rglob("*"):
        if path.is_file():
            assert SECRET not in path.read_text(errors="replace")
            assert COOKIE not in path.read_text(errors="replace")


def test_long_failures_are_counted_not_listed(tmp_path: Path) -> None:
    message = gate.run("unified", settings=settings_in(tmp_path)).message()
    assert len(message.splitlines()) <= 22
    result = gate.run("marts", settings=settings_in(tmp_path))
    assert f"… and {len(result.tables) - 20} more, see {result.path}" in result.message()


def test_unknown_gate_and_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(gate.GateError, match="no gate named 'cooked': known are raw, unified, marts"):
        gate.run("cooked", settings=settings_in(tmp_path))
    with pytest.raises(gate.GateError, match=r"gate raw has no suite for hubspot\.feals"):
        gate.run("raw", settings=settings_in(tmp_path), tables=["hubspot.feals"])


def test_runner_shows_the_result_and_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KPILOTE_HOME", str(tmp_path))
    warehouse.build(reload().warehouse_path)
    monkeypatch.setattr("sys.argv", ["expectations", "marts", "dim_owners"])
    assert main() == 0
    assert "gate marts: 3 expectations on 1 tables hold" in capsys.readouterr().out
    warehouse.spoil(reload().warehouse_path, "update marts.dim_owners set owner_id = null where rowid = 0")
    assert main() == 1
    assert "owner_id_not_null" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["expectations", "marts", "nothing"])
    assert main() == 1
    assert "no suite for nothing" in capsys.readouterr().out
    monkeypatch.undo()
    reload()
