"""A person accepts a finding: it passes as a warning, until it grows, another comes, or the days are over."""

import datetime as dt
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from expectations import acceptance, gate
from expectations.acceptance import AcceptanceError, accept, open_findings
from expectations.raw import FX_RATES
from expectations.results import GateResult
from ingestion.registry import SOURCES, table
from ingestion.settings import reload
from orchestration.cli import main
from tests.expectations.history import HISTORY, History, changed, on
from tests.expectations.lake import LAST, TinyLake, valid_row

NOW = dt.datetime.now(tz=dt.UTC)
EVENTS = "ga4.events"
FEW = on({0: lambda rows: rows[:10]})


def judged(lake: History) -> GateResult:
    return gate.run("raw", settings=lake.settings, tables=[EVENTS])


def the_id(lake: History) -> str:
    (found,) = open_findings(lake.settings)
    return found.id


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> History:
    """A newest day with a tenth of its rows; tests that accept remove what they wrote."""
    return History(tmp_path_factory.mktemp("few"), EVENTS, FX_RATES, per_day=100, spoil=FEW)


@pytest.fixture(autouse=True)
def nothing_accepted(few: History) -> None:
    acceptance._path(few.settings).unlink(missing_ok=True)


def test_the_message_tells_the_command_that_accepts(few: History) -> None:
    result = judged(few)
    assert not result.passed
    assert f'kpilote gate accept {the_id(few)} --reason "…"' in result.message()
    assert judged(few).message() == result.message(), "the id is the same in every run"


def test_accepted_it_passes_with_a_warning_and_blocks_again_when_the_days_are_over(few: History) -> None:
    judged(few)
    accepted = accept(few.settings, the_id(few), reason="Migration of\nthe shop")
    assert accepted.until - accepted.at == dt.timedelta(days=7)
    result = judged(few)
    assert result.passed
    (failure,) = result.tables[0].failures
    assert (failure.severity, failure.success, failure.accepted) == ("warning", False, True)
    told = f"accepted by {accepted.by} until {accepted.until:%Y-%m-%d %H:%M} UTC: Migration of the shop"
    assert told in result.message()
    assert told in (few.settings.docs_dir / "site" / "index.html").read_text()
    assert json.loads(result.path.read_text())["tables"][0]["blocked"] is False

    accept(few.settings, the_id(few), reason="so long ago", days=3, now=NOW - dt.timedelta(days=3, minutes=1))
    assert not judged(few).passed, "the newest acceptance counts, and it is over"


def test_another_finding_and_one_that_grew_block_again(tmp_path: Path) -> None:
    """Six in ten countries missing on the newest day is accepted: so many, or fewer, of that day, and nothing else."""

    def lake(name: str, **shares: float) -> History:
        days = {int(day[1:]): changed("country", lambda _: None, share) for day, share in shares.items()}
        return History(tmp_path / name, EVENTS, FX_RATES, per_day=50, spoil=on(days))

    first = lake("first", d0=0.6)
    assert not judged(first).passed
    accept(first.settings, the_id(first), reason="consent banner of a new country")
    cases = {
        "same": (lake("same", d0=0.6), True),
        "fewer": (lake("fewer", d0=0.5), True),
        "more": (lake("more", d0=0.9), False),
        "another day too": (lake("too", d0=0.6, d1=0.6), False),
    }
    for name, (other, passes) in cases.items():
        acceptance._path(other.settings).parent.mkdir(parents=True)
        acceptance._path(other.settings).write_text(acceptance._path(first.settings).read_text())
        assert judged(other).passed is passes, name


def test_a_source_that_stands_still_is_accepted_for_as_long_as_it_did(tmp_path: Path) -> None:
    """Judging the same pull again passes; a day later the newest row is older by more than a tenth."""
    lake = History(tmp_path, EVENTS, FX_RATES, empty=5)
    lake.forget(1)

    def late() -> str:
        (table_result,) = judged(lake).tables
        return next(each.severity for each in table_result.failures if each.name == "newest_row_on_time")

    assert late() == "critical"
    (found,) = [each for each in open_findings(lake.settings) if each.expectation == "newest_row_on_time"]
    assert round(found.size) == 4
    accept(lake.settings, found.id, reason="the shop moves house", days=30)
    assert late() == "warning"
    lake.commit("ga4", HISTORY + 4)
    assert late() == "critical"


def test_days_nobody_pulled_stop_until_they_are_pulled_or_accepted(tmp_path: Path) -> None:
    """The hole is named with its days and the command; days pulled twice, in any order, are no hole."""
    lake = TinyLake(tmp_path, "ga4")

    def day(number: int) -> dt.date:
        return LAST + dt.timedelta(days=number)

    def holes(*windows: tuple[int, int]) -> list[str]:
        for first, end in windows:
            lake.load("ga4", {}, windows=dict.fromkeys(SOURCES["ga4"].tables, (day(first), day(end))))
        result = gate.run("raw", settings=lake.settings, tables=[EVENTS])
        return [each.message for each in result.tables[0].failures if each.name == "every_day_covered"]

    assert holes((0, 10), (-5, 3), (2, 4)) == []
    (message,) = holes((24, 25))
    assert "event_date on 2026-03-11: 14 days to 2026-03-24 that no load covers (kpilote refresh" in message
    assert " --cadence daily --from 2026-03-11 --to 2026-03-24), usual none" in message
    (found,) = [each for each in open_findings(lake.settings) if each.expectation == "every_day_covered"]
    assert (found.severity, found.size) == ("critical", 14)
    accept(lake.settings, found.id, reason="the export of these days was lost")
    assert "(accepted)" in holes((25, 26))[0]
    assert "(critical)" in holes((30, 31))[0], "another hole"
    assert "(accepted)" in holes((26, 30))[0], "which was pulled"
    assert holes((9, 24)) == []


def test_words_are_accepted_one_by_one(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "mailchimp")
    lake.fill()
    send = valid_row(table("mailchimp.sends"), LAST, 900)

    def run(*words: str) -> bool:
        window = {"sends": (LAST, LAST + dt.timedelta(days=1))}
        rows = [{**send, "campaign_id": f"c{at}", "status": word} for at, word in enumerate(words)]
        lake.load("mailchimp", {"sends": rows}, windows=window)
        return gate.run("raw", settings=lake.settings, tables=["mailchimp.sends"]).passed

    assert not run("warm")
    (found,) = [each for each in open_findings(lake.settings) if each.severity == "critical"]
    assert (found.expectation, found.about) == ("status_known", "warm")
    accept(lake.settings, found.id, reason="a new kind of bounce, staging leaves it out rightly")
    assert run("warm")
    assert not run("cold"), "another word"
    assert not run("warm", "warm"), "more rows"
    assert not run("warm", "a@example.fr"), "and an address is not told"
    assert "a@example.fr" not in "".join(each.about for each in open_findings(lake.settings))


def test_what_only_mending_helps_is_not_acceptable(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path, "hubspot", "spreadsheets")
    lake.fill()
    deal = valid_row(table("hubspot.deals"), LAST, 900)
    wrong = [deal, deal, {**deal, "deal_id": None}, {**deal, "deal_id": "x", "name": "a@example.fr"}]
    lake.load("hubspot", {"deals": [*wrong, {**deal, "deal_id": "y", "amount": -1, "currency": "ZZZ"}]})
    gate.run("raw", settings=lake.settings, tables=["hubspot.deals"])
    found = {each.expectation: each for each in open_findings(lake.settings)}
    assert {"deal_id_unique", "deal_id_not_null", "no_address", "amount_not_negative", "currency_known"} <= set(found)
    for each in found.values():
        assert not each.acceptable
        with pytest.raises(AcceptanceError, match=f"{each.expectation} cannot be accepted: rows, keys, types"):
            accept(lake.settings, each.id, reason="please")
    assert not acceptance._path(lake.settings).exists()


def test_unknown_ids_no_reason_and_too_many_days_are_refused(few: History) -> None:
    judged(few)
    with pytest.raises(AcceptanceError, match="no open finding has the id 0123456789: `kpilote gate list`"):
        accept(few.settings, "0123456789", reason="because")
    with pytest.raises(AcceptanceError, match="a reason is needed"):
        accept(few.settings, the_id(few), reason="  ")
    for days in (0, 91):
        with pytest.raises(AcceptanceError, match="for 1 to 90 days"):
            accept(few.settings, the_id(few), reason="because", days=days)


def test_a_line_that_is_none_is_named(few: History) -> None:
    path = acceptance._path(few.settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"id": "0123456789"}\n')
    with pytest.raises(AcceptanceError, match=r"accepted\.jsonl, line 1: gate Field required"):
        judged(few)


def test_the_command_knows_that_no_gate_has_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPILOTE_HOME", str(tmp_path))
    reload()
    assert CliRunner().invoke(main, ["gate", "list"]).output.startswith("no gate has run yet")
    monkeypatch.undo()
    reload()


def test_the_command_lists_and_accepts(few: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPILOTE_HOME", str(few.settings.home))
    monkeypatch.setenv("KPILOTE_SOURCES", "ga4,spreadsheets")
    reload()
    judged(few)
    command = CliRunner()
    listed = command.invoke(main, ["gate", "list"])
    assert f"{the_id(few)}  gate raw, {EVENTS}: volume_of_newest_day" in listed.output
    assert "[critical]" in listed.output
    assert command.invoke(main, ["gate", "accept", the_id(few)]).exit_code == 2, "a reason is required"
    done = command.invoke(main, ["gate", "accept", the_id(few), "--reason", "inventory", "--days", "2"])
    assert done.exit_code == 0, done.output
    assert "until" in done.output and ": inventory" in done.output
    assert "accepted by" in command.invoke(main, ["gate", "list"]).output
    unknown = command.invoke(main, ["gate", "accept", "0123456789", "--reason", "inventory"])
    assert unknown.exit_code == 1
    monkeypatch.undo()
    reload()
