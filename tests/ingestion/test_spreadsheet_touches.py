"""Files of touches: when a row says it was, of whom it keeps a hash, and that nothing it refuses is ever repeated."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion import erasure, lake, suppression
from ingestion.errors import SourceError
from ingestion.identity import from_address, resolve
from ingestion.privacy import Hasher
from ingestion.registry import bookkeeping, table
from ingestion.settings import Settings, reload
from ingestion.sources import spreadsheets
from ingestion.tables.spreadsheets import TOUCH_TYPES
from tests import traces
from tests.ingestion.conftest import END, HASH_KEY, START
from tests.ingestion.lake_reader import rows
from tests.ingestion.test_spreadsheet_files import HASHER, csv_of, read, workbook

HEADER = ["touched_at", "email", "touch_type", "channel", "campaign"]
ANN = "ann.canary@acme.example"
TOUCH = ["2026-03-31", ANN, "event", "events", "salon"]


def touch(**cells: Any) -> list[Any]:
    return [cells.get(name, value) for name, value in zip(HEADER, TOUCH, strict=True)]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-31", "2026-03-30T22:00:00"),
        ("31/03/2026", "2026-03-30T22:00:00"),
        ("20260331", "2026-03-30T22:00:00"),
        ("46112", "2026-03-30T22:00:00"),
        ("2026-01-31 9:05", "2026-01-31T08:05:00"),
        ("31/01/2026 09:05:07.5", "2026-01-31T08:05:07.500000"),
        ("31/01/2026 9h05", "2026-01-31T08:05:00"),
        ("46112,75", "2026-03-31T16:00:00"),
        ("2026-03-31T14:30:00Z", "2026-03-31T14:30:00"),
        ("2026-03-31 23:30 -05:00", "2026-04-01T04:30:00"),
        # A clock that is put forward never showed it, one that is put back showed it twice: the first time counts.
        ("2026-03-29 02:30", "2026-03-29T01:30:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00"),
    ],
)
def test_a_time_is_of_the_reporting_zone_unless_it_names_its_own(tmp_path: Path, text: str, instant: str) -> None:
    csv_of(tmp_path, HEADER, touch(touched_at=text), name="touches.csv")
    (row,), refused = read(tmp_path, "touches")
    assert refused == []
    at = dt.datetime.fromisoformat(instant).replace(tzinfo=dt.UTC)
    assert (row["touched_at"], row["touched_on"]) == (at, (at + dt.timedelta(hours=2)).date())


def test_a_workbook_holds_days_and_times_of_its_own(tmp_path: Path) -> None:
    at = dt.datetime(2026, 3, 31, 14, 30)
    workbook(tmp_path, HEADER, touch(touched_at=at), touch(touched_at=at.date()), name="touches.xlsx")
    found, refused = read(tmp_path, "touches")
    assert refused == []
    assert [f"{row['touched_at']:%d %H:%M}" for row in found] == ["31 12:30", "30 22:00"]


def test_an_address_is_one_person_however_it_is_typed(tmp_path: Path) -> None:
    typed = [touch(email=each, campaign=str(number)) for number, each in enumerate((ANN, ANN.upper(), f"  {ANN} "))]
    csv_of(tmp_path, ["Date du contact", "Courriel", "Type", "Canal", "Campagne"], *typed, name="Touches salon.csv")
    found, refused = read(tmp_path, "touches")
    assert refused == []
    assert {row["email_hash"] for row in found} == {HASHER.email(ANN)}
    assert "email" not in found[0]


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("email", "", "is empty; fill it in (The person's email address; only its hash is kept.)"),
        ("email", "Ann Canary", "is not an email address; write one address and nothing else"),
        ("email", f"Ann <{ANN}>", "is not an email address; write one address and nothing else"),
        ("email", f"mailto:{ANN}", "is not an email address; write one address and nothing else"),
        ("email", f"{ANN}, bob@acme.example", "is not an email address; write one address and nothing else"),
        ("email", "ann@acme\u200b.example", "is not an email address; write one address and nothing else"),
        ("touch_type", "Canary", "is no type of touch; write event, partner_referral or offline"),
        ("touch_type", "", "is empty; fill it in (event, partner_referral or offline.)"),
        ("channel", " ", "is empty; fill it in (Channel as the KPIs name it, e.g. events, partner.)"),
        ("channel", ANN, "holds an email address; take it out"),
        ("campaign", f"lunch with {ANN}", "holds an email address; take it out"),
        ("touched_at", "", "is empty; fill it in (When, in the reporting time zone unless the time names its own; a"
         " day alone is its beginning.)"),
        *(("touched_at", text, "is neither a day nor a time; write 2026-03-31, 31/03/2026 or 2026-03-31 14:30")
          for text in ("Canary", "2026-02-31", "2026-03-31 25:00", "2026-03-31 2 PM", "14:30", "9999-12-31")),
    ],
)  # fmt: skip
def test_a_row_that_is_refused_is_not_repeated(tmp_path: Path, column: str, text: str, reason: str) -> None:
    csv_of(tmp_path, HEADER, touch(campaign="other"), touch(**{column: text}), name="touches.csv")
    found, refused = read(tmp_path, "touches")
    assert len(found) == 1
    assert refused == [f"touches.csv, row 3, column {column}: {reason}"]


def test_the_same_touch_twice_is_kept_once(tmp_path: Path) -> None:
    csv_of(
        tmp_path, HEADER, TOUCH, touch(email=ANN.upper(), touch_type="Event"), touch(campaign="x"), name="touches.csv"
    )
    found, refused = read(tmp_path, "touches")
    assert len(found) == 2
    assert refused == [
        "touches.csv, row 3, column touched_at: with the same touched_at, email, touch_type, channel, campaign stands"
        " touches.csv, row 2 already; keep one of them"
    ]


def test_the_address_is_nowhere_and_leads_to_its_rows(
    tmp_path: Path, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in what is refused, said and logged; the doctor, which keeps nothing, says the same."""
    folder = tmp_path / "sheets"
    folder.mkdir()
    monkeypatch.setenv("SOURCES__SPREADSHEETS__URL", str(folder))
    many = [touch(campaign=str(number)) for number in range(8)]
    wrong = [touch(touched_at=ANN), touch(email=f"Ann Canary {ANN}"), touch(touch_type=ANN), touch(channel=ANN)]
    csv_of(folder, HEADER, *many, *wrong, [*TOUCH[:4], "a;b"], name="touches.csv")
    with pytest.raises(SourceError, match="row 10, column touched_at") as said:
        spreadsheets.check()
    pull = lake.pull("spreadsheets", START, END, settings=fresh)
    assert (pull.rows["touches"], pull.quarantined["touches"]) == (8, 5)
    assert len(rows(fresh, bookkeeping("spreadsheets").quarantine)) == 5
    csv_of(folder, HEADER, TOUCH, *wrong, name="touches.csv")
    with pytest.raises(SourceError, match="4 of its 5 rows are wrong") as refused:
        lake.pull("spreadsheets", START, END, settings=fresh)
    assert "canary" not in f"{said.value} {refused.value}".lower()
    assert traces.holding(fresh.home, ["canary"]) == {}
    person = resolve(fresh, from_address(ANN, Hasher(HASH_KEY)))
    assert person.rows == {"spreadsheets.touches": 8}


def test_somebody_erased_is_let_in_no_more(tmp_path: Path, fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the address is typed by then; the file itself is people's own."""
    folder = tmp_path / "sheets"
    folder.mkdir()
    monkeypatch.setenv("SOURCES__SPREADSHEETS__URL", str(folder))
    csv_of(folder, HEADER, TOUCH, touch(email="bob@acme.example"), name="touches.csv")
    lake.pull("spreadsheets", START, END, settings=fresh)
    hasher = Hasher(HASH_KEY)
    person = resolve(fresh, from_address(ANN, hasher))
    suppression.write(fresh, "e1", "2026-09-01", person.nodes)
    erasure.rewrite(fresh, erasure.surrogates(person.nodes), lambda _done, _of: None)
    assert traces.holding(fresh.home / "lake" / "spreadsheets", [hasher.email(ANN)]) == {}
    kept = {row["email_hash"] for row in rows(fresh, table("spreadsheets.touches"))}
    assert len(kept) == 2
    csv_of(folder, HEADER, touch(email=ANN.title()), touch(email="bob@acme.example"), TOUCH, name="touches.csv")
    assert lake.pull("spreadsheets", START, END, settings=fresh).rows["touches"] == 1
    assert {row["email_hash"] for row in rows(fresh, table("spreadsheets.touches"))} == kept


def test_another_reporting_zone_reads_times_anew(
    tmp_path: Path, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    monkeypatch.setenv("SOURCES__SPREADSHEETS__URL", str(folder))
    csv_of(folder, HEADER, TOUCH, name="touches.csv")
    lake.pull("spreadsheets", START, END, settings=fresh)
    assert lake.pull("spreadsheets", START, END, settings=fresh).rows == {}
    monkeypatch.setenv("KPILOTE_TIMEZONE", "America/New_York")
    lake.pull("spreadsheets", START, END, settings=reload())
    assert [f"{row['touched_at']:%d %H:%M}" for row in rows(fresh, table("spreadsheets.touches"))] == [
        "30 22:00", "31 04:00"
    ]  # fmt: skip


def test_every_type_of_touch_a_file_may_hold_is_one_of_the_models() -> None:
    project = Path(__file__).resolve().parents[2] / "dbt_project" / "dbt_project.yml"
    conversions = yaml.safe_load(project.read_text(encoding="utf-8"))["vars"]["attribution_conversions"]
    assert all(set(TOUCH_TYPES) < set(each["touches"]) for each in conversions.values())
