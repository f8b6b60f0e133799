"""Publication: whole or not at all, the same bytes for the same content, and always a release that can be read."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving import cadences, database, files, making, marts, parts, release
from tests.serving import warehouse
from tests.serving.warehouse import GATES, THROUGH, Places, next_day


def files_of(done: release.Release, name: str) -> list[Path]:
    return parts.paths(done.path, done.manifest["tables"][name])


def rows_of(done: release.Release, name: str) -> str:
    return marts.union(files_of(done, name))


def test_a_release_holds_every_mart_sorted_and_described(places: Places) -> None:
    done = release.publish(places, GATES)

    assert done.is_new
    assert done.data_through == THROUGH
    built = {"attribution_channels", "fct_leads", "kpi_catalogue", "kpi_scorecard", "kpi_values"}
    assert set(done.rows) == {*built, "kpi_ledger"}
    with duckdb.connect(str(places.warehouse_path), read_only=True) as db:
        for name, rows in ((name, done.rows[name]) for name in built):
            assert db.execute(f"select count(*) from marts.{name}").fetchall() == [(rows,)], name
            published = db.execute(f"from {rows_of(done, name)} order by all").fetchall()
            assert published == db.execute(f"from marts.{name} order by all").fetchall(), name
            for file in files_of(done, name):
                assert db.execute(f"from '{file}'").fetchall() == db.execute(f"from '{file}' order by all").fetchall()
    assert [gate["gate"] for gate in done.manifest["gates"]] == ["raw", "unified", "marts"]
    assert done.manifest["definition_versions"]["mrr"] == "mrr@1"
    assert release.verify(places) == []


def test_the_bi_file_holds_the_same_rows_in_a_format_duckdb_1_4_reads(places: Places) -> None:
    done = release.publish(places, GATES)

    with duckdb.connect(str(places.bi_path), read_only=True) as bi:
        for name in done.rows:
            assert (
                bi.execute(f"from marts.{name}").fetchall() == bi.execute(f"from {rows_of(done, name)}").fetchall()
            ), name
        assert bi.execute("select release_id, data_through from release.info").fetchall() == [(done.id, THROUGH)]
        assert bi.execute(
            "select schema_name from duckdb_schemas() where not internal and database_name = current_database()"
            " order by 1"
        ).fetchall() == [("marts",), ("release",)]
    # Bytes 12–20 of the main header: DuckDB 1.4 refuses storage versions above 67.
    assert int.from_bytes(places.bi_path.read_bytes()[12:20], "little") <= 67
    assert not os.access(places.bi_path, os.W_OK) or os.geteuid() == 0


def test_equal_content_gives_equal_bytes_whatever_the_row_order(places: Places, tmp_path: Path) -> None:
    other = Places(tmp_path / "other")
    warehouse.build(other.warehouse_path)
    with duckdb.connect(str(other.warehouse_path)) as db:
        db.execute("create table shuffled as from marts.kpi_values order by hash(kpi, period_start, dimension_value)")
        db.execute("delete from marts.kpi_values")
        db.execute("insert into marts.kpi_values from shuffled")

    first, second = release.publish(places, GATES), release.publish(other, GATES)

    for name in set(first.rows) - {"kpi_ledger"}:  # which names the release
        for one, other_one in zip(files_of(first, name), files_of(second, name), strict=True):
            assert one.name == other_one.name
            assert one.read_bytes() == other_one.read_bytes(), one.name
    assert first.id.split("-")[1] == second.id.split("-")[1]


def test_a_run_that_changed_only_processing_times_makes_no_release(places: Places) -> None:
    first = release.publish(places, GATES)
    warehouse.build(places.warehouse_path, refreshed_at=datetime(2026, 11, 23, 9, 30))

    again = release.publish(places, GATES)

    assert not again.is_new
    assert again.id == first.id
    assert [kept.id for kept in release.list_releases(places)] == [first.id]


def test_a_column_that_is_called_otherwise_makes_a_release(places: Places) -> None:
    release.publish(places, GATES)
    with duckdb.connect(str(places.warehouse_path)) as db:
        db.execute("alter table marts.fct_leads rename column person_id to prospect_id")

    again = release.publish(places, GATES)

    assert again.is_new
    assert "prospect_id" in again.manifest["tables"]["fct_leads"]["columns"]


def test_one_changed_value_makes_a_release(places: Places) -> None:
    first = release.publish(places, GATES)
    with duckdb.connect(str(places.warehouse_path)) as db:
        db.execute("update marts.kpi_values set value = value + 0.01 where kpi = 'mrr' and period_start = '2026-10-01'")

    second = release.publish(places, GATES)

    assert second.is_new
    assert second.manifest["previous_release"] == first.id
    files_before, files_now = (
        {path.name: path.stat().st_ino for name in done.rows for path in files_of(done, name)}
        for done in (first, second)
    )
    written = {name for name, inode in files_now.items() if files_before[name] != inode}
    assert {name.rsplit(".", 2)[0] if "ledger" in name else name for name in written} == {
        "kpi_values.2026.parquet",
        "kpi_ledger",
    }


SUMS = "select sum(value)::decimal(38, 2), sum(target)::decimal(38, 2) from marts.kpi_values"


def test_columns_in_another_order_make_a_release_whose_numbers_stay_in_their_columns(places: Places) -> None:
    release.publish(places, GATES)
    with duckdb.connect(str(places.warehouse_path)) as db:
        db.execute(
            "create or replace table marts.kpi_values as"
            " select * exclude (value, target), target, value from marts.kpi_values"
        )
        db.execute("update marts.kpi_values set numerator = 1 where period_start >= '2026-01-01'")
        wanted = db.execute(SUMS).fetchall()
    assert release.publish(places, GATES).is_new
    with duckdb.connect(str(places.bi_path), read_only=True) as bi:
        assert bi.execute(SUMS).fetchall() == wanted


def damage(path: Path) -> None:
    """Flip one bit of a file; a manifest stays JSON."""
    content = bytearray(path.read_bytes())
    content[content.index(b"2026") if path.suffix == ".json" else len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_damaged_file_that_all_releases_share_does_not_lose_the_ledger(places: Places) -> None:
    first = release.publish(places, GATES)
    for value in (7, 8):
        with duckdb.connect(str(places.warehouse_path)) as db:
            db.execute(f"update marts.kpi_values set value = {value} where kpi = 'mrr' and period_start = '2026-10-01'")
        last = release.publish(places, GATES)
        if value == 7:
            damage(files_of(last, "attribution_channels")[0])
    assert all(release.verify(places, one.id) for one in release.list_releases(places) if one.id != last.id)
    assert release.verify(places, last.id) == []
    with last.connect() as connection:
        told = connection.execute(
            "select old_value, new_value, cause from kpi_ledger where release_id = $1 and cadence = 'month'"
            " and dimension = 'total'",
            [last.id],
        ).fetchall()
        repeated = connection.execute(
            "select count(*) from kpi_ledger where cause = 'first_report' and release_id <> $1", [first.id]
        ).fetchall()
    assert [row[:2] for row in told] == [(7, 8)]
    assert repeated == [(0,)]


def test_the_ledger_goes_on_when_every_release_is_lost(places: Places) -> None:
    first = release.publish(places, GATES)
    with duckdb.connect(str(places.warehouse_path)) as db:
        db.execute("update marts.kpi_values set value = 7 where kpi = 'mrr' and period_start = '2026-10-01'")
    second = release.publish(places, GATES)
    shutil.rmtree(places.releases_dir)
    with duckdb.connect(str(places.warehouse_path)) as db:
        db.execute("update marts.kpi_values set value = 8 where kpi = 'mrr' and period_start = '2026-10-01'")
        db.execute(
            "delete from marts.kpi_values where cadence = 'day' and period_start = (select min(period_start)"
            " from marts.kpi_values where cadence = 'day')"
        )

    last = release.publish(places, GATES)

    with last.connect() as connection:
        known = connection.execute("select distinct release_id from kpi_ledger order by 1").fetchall()
        told = connection.execute(
            "select cadence, change, round(old_value)::int, new_value, cause, was_final from kpi_ledger"
            " where release_id = $1 and kpi = 'mrr' and dimension = 'total' order by cadence desc, period_start",
            [last.id],
        ).fetchall()
    assert [one for (one,) in known] == [first.id, second.id, last.id]
    assert told == [
        ("quarter", "changed", 7, 8, "period_open", False),
        ("month", "changed", 7, 8, "unexplained", True),
        ("day", "disappeared", 120274, None, "unexplained", True),
        ("day", "changed", 7, 8, "unexplained", True),
    ]


def test_a_release_nobody_can_read_does_not_stop_an_erasure(places: Places) -> None:
    first = release.publish(places, GATES)
    next_day(places)
    second = release.publish(places, GATES)
    damage(files_of(second, "fct_leads")[0])

    seen: list[str] = []
    gone = release.amend(places, lambda kept, _: bool(seen.append(kept.id)))

    assert (gone, seen) == ([second.id], [first.id])
    assert release.current(places) is None
    assert not places.bi_path.exists()
    assert release.publish(places, GATES).is_new
    assert release.verify(places) == []


def test_an_erasure_killed_while_it_clears_away_is_finished_by_the_next(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a folder that was to be removed is never taken for a release."""

    def rewrite(kept: release.Release, folder: Path) -> bool:
        shutil.copytree(kept.path, folder, dirs_exist_ok=True)
        return True

    done = release.publish(places, GATES)
    whole, killed = shutil.rmtree, KeyboardInterrupt()

    def half(path: Path, **arguments: object) -> None:
        if (path / "manifest.json").exists():
            (path / "manifest.json").unlink()
            raise killed
        whole(path, **arguments)

    for _ in range(3):  # the folder as it was, the one it became, and what the last attempt left
        with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
            patched.setattr(shutil, "rmtree", half)
            release.amend(places, rewrite)
        assert release.current(places) == done
    assert release.amend(places, rewrite) == [done.id]
    assert release.verify(places) == []
    assert {path.name for path in places.releases_dir.iterdir()} == {".lock", "current", done.id}


def test_the_ledger_outlives_releases_that_are_lost(places: Places) -> None:
    made = [release.publish(places, GATES)]
    for value in (7, 8):
        say(places, value)
        made.append(release.publish(places, GATES))
    damage(made[-1].path / "kpilote.duckdb")
    release.amend(places, lambda *_: False)
    assert [one.id for one in release.list_releases(places)] == [made[1].id, made[0].id]
    say(places, 9)
    made.append(release.publish(places, GATES))
    shutil.rmtree(places.releases_dir)
    made.append(release.publish(places, GATES))
    assert [path.stem for path in sorted(places.ledger_dir.glob("*.parquet"))] == [one.id for one in made]
    assert release.verify(places) == []


def test_a_clock_that_goes_back_does_not_change_the_order_of_releases(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fast(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(hours=1)

    with monkeypatch.context() as patched:
        patched.setattr(making, "datetime", Fast)
        made = [release.publish(places, GATES)]
    for value in (7, 8):
        say(places, value)
        made.append(release.publish(places, GATES, keep=2))
    assert sorted(made, key=lambda one: one.id) == made
    assert release.current(places) == made[-1]
    with made[-1].connect() as connection:
        told = connection.execute(
            "select old_value, new_value from kpi_ledger where release_id = $1 and dimension = 'total'", [made[-1].id]
        ).fetchall()
    assert set(told) == {(7, 8)}


def say(places: Places, value: int) -> None:
    with duckdb.connect(str(places.warehouse_path)) as db:
        db.execute(
            f"update marts.kpi_values set value = {value}"
            " where kpi = 'mrr' and cadence = 'month' and period_start = '2026-10-01' and dimension = 'total'"
        )


def test_a_file_system_without_links_gets_copies(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    release.publish(places, GATES)
    next_day(places)
    monkeypatch.setattr(os, "link", refuse)
    assert release.publish(places, GATES).is_new
    assert release.verify(places) == []


def test_a_row_without_the_day_a_mart_is_cut_by_is_a_clear_error(places: Places) -> None:
    with duckdb.connect(str(places.warehouse_path)) as db:
        db.execute("insert into marts.attribution_channels (model) values ('linear')")
    with pytest.raises(release.ReleaseError, match="rows without period_start"):
        release.publish(places, GATES)


def test_a_cadence_that_waits_for_its_run_keeps_the_release_that_explains_it() -> None:
    told = {"computed_in": {"day": "1", "week": "1"}, "fingerprints": {"day": "a", "week": "a"}}
    before = release.Release("2", Path(), told)
    now = {"fingerprints": {"day": "b", "week": "b"}, "up_to_date": ["day"]}
    assert cadences.computed_in(now, before, "3") == {"day": "3", "week": "1"}
    again = {"fingerprints": {"day": "a", "week": "b"}, "up_to_date": ["day", "week"]}
    assert cadences.computed_in(again, before, "3") == {"day": "1", "week": "3"}
    assert cadences.computed_in(now, None, "3") == {"day": "3", "week": "3"}


def test_a_release_of_an_earlier_version_is_superseded(places: Places) -> None:
    done = release.publish(places, GATES)
    path = done.path / "manifest.json"
    path.write_text(path.read_text().replace('"files": [', '"parts": ['))

    with pytest.raises(release.ReleaseError, match="earlier Kpilote"):
        release.current(places)
    assert release.list_releases(places) == []

    again = release.publish(places, GATES)
    assert again.is_new
    assert release.verify(places) == []
    assert release.current(places) == again


def test_two_texts_of_one_hash_are_not_taken_for_one(places: Places) -> None:
    """DuckDB's hash of text has families of equals; here two leads exchange their channels."""
    alike = "call:33330000005", "call:33830000002"
    with duckdb.connect(str(places.warehouse_path)) as db:
        assert db.execute("select hash($1) = hash($2)", alike).fetchall() == [(True,)]
        db.execute(
            "insert into marts.fct_leads values ($1, date '2026-01-01', 'email'), ($2, date '2026-01-01', 'direct')",
            alike,
        )
    release.publish(places, GATES)
    with duckdb.connect(str(places.warehouse_path)) as db:
        db.execute(
            "update marts.fct_leads set channel = case channel when 'email' then 'direct' else 'email' end"
            " where person_id in ($1, $2)",
            alike,
        )

    assert release.publish(places, GATES).is_new


# What a run may do to the marts: SQL over the warehouse of `tests.serving.warehouse`.
EDITS = (
    "update marts.kpi_values set value = value + 1 where period_start < '2025-02-01' and kpi = 'mrr'",
    "update marts.kpi_values set value = value + 1 where period_start >= '2026-10-01'",
    "delete from marts.kpi_values where year(period_start) = 2024",
    "delete from marts.kpi_values where dimension <> 'total'",
    "insert into marts.kpi_values by name select * replace (period_start - interval 10 year as period_start)"
    " from marts.kpi_values where kpi = 'mrr' and cadence = 'month' and year(period_start) = 2025",
    "delete from marts.attribution_channels",
    "insert into marts.attribution_channels by name select 'linear' as model, date '2023-05-01' as period_start",
    "update marts.fct_leads set lead_date = lead_date - 1",
    "alter table marts.attribution_channels add column surplus integer",
    "alter table marts.kpi_values alter column target type decimal(18, 4)",
    "create or replace table marts.kpi_values as select * exclude (value), value from marts.kpi_values",
    "create or replace table marts.fct_leads as select channel, * exclude (channel) from marts.fct_leads",
    "create table marts.fct_new as select 1 as id",
    "drop table if exists marts.fct_new",
)


@settings(max_examples=4)
@given(runs=st.lists(st.lists(st.sampled_from(EDITS), min_size=1, max_size=3, unique=True), min_size=2, max_size=4))
def test_a_file_that_goes_on_from_the_one_before_holds_what_the_marts_say(runs: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        places = Places(Path(folder))
        warehouse.build(places.warehouse_path)
        release.publish(places, GATES)
        for edits in runs:
            with duckdb.connect(str(places.warehouse_path)) as db:
                for edit in edits:
                    with contextlib.suppress(duckdb.CatalogException):  # it is there already
                        db.execute(edit)
            done = release.publish(places, GATES)
            assert release.verify(places) == []
            with duckdb.connect(str(places.bi_path), read_only=True) as bi:
                bi.execute(f"attach '{places.warehouse_path}' as warehouse (read_only)")
                for name in set(done.rows) - {"kpi_ledger"}:
                    assert bi.execute(
                        f"select count(*) from ((from marts.{name} except all from warehouse.marts.{name})"
                        f" union all (from warehouse.marts.{name} except all from marts.{name}))"
                    ).fetchall() == [(0,)], name
                    assert bi.execute(
                        f"select count(*) from (from marts.{name} except all from {rows_of(done, name)})"
                    ).fetchall() == [(0,)], name
                assert bi.execute("select count(*) from marts.kpi_ledger").fetchall() == [(done.rows["kpi_ledger"],)]


def test_the_bi_file_is_written_whole_once_it_has_grown_by_half(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST_GROWTH", 1.0)
    states = []
    for _ in range(4):
        states.append(release.publish(places, GATES).manifest["database"])
        next_day(places)
    assert [state["is_whole"] for state in states] == [True, False, True, False]


@pytest.mark.parametrize(
    "gates",
    [
        [{"gate": "raw", "passed": True}, {"gate": "marts", "passed": False}],
        [{"gate": "marts"}],
        [{"gate": "marts", "passed": "no"}],
        [],
    ],
)
def test_a_failed_or_missing_gate_publishes_nothing(places: Places, gates: list[dict[str, object]]) -> None:
    first = release.publish(places, GATES)
    next_day(places)
    before = {
        path: path.read_bytes() for path in places.home.rglob("*") if path.is_file() and "warehouse" not in path.name
    }

    with pytest.raises(release.ReleaseError, match=r"gate marts failed|no gate result"):
        release.publish(places, gates)

    assert release.current(places) == first
    after = {
        path: path.read_bytes() for path in places.home.rglob("*") if path.is_file() and "warehouse" not in path.name
    }
    assert after == before


def test_clear_errors_when_there_is_nothing_to_publish(tmp_path: Path) -> None:
    places = Places(tmp_path)
    with pytest.raises(release.ReleaseError, match="does not exist: build the marts first"):
        release.publish(places, GATES)
    with duckdb.connect(str(places.warehouse_path)) as db:
        db.execute("create schema marts; create table marts.kpi_values as select 1 as value")
    with pytest.raises(release.ReleaseError, match=r"no marts\.kpi_catalogue"):
        release.publish(places, GATES)
    assert release.current(places) is None
    with pytest.raises(release.ReleaseError, match="no release yet"):
        release.verify(places)
    with pytest.raises(release.ReleaseError, match="no release yet"):
        release.rollback(places)


def test_old_releases_are_removed_but_never_the_served_one(places: Places) -> None:
    first = release.publish(places, GATES)
    made = [first]
    for _ in range(3):
        next_day(places)
        made.append(release.publish(places, GATES, keep=3))
    assert [kept.id for kept in release.list_releases(places)] == [done.id for done in reversed(made[1:])]

    release.rollback(places, made[1].id)
    assert release.verify(places) == []
    assert release.current(places) == made[1]


def test_rollback_serves_the_release_before_until_the_marts_say_something_new(places: Places) -> None:
    first = release.publish(places, GATES)
    next_day(places)
    second = release.publish(places, GATES)

    assert release.rollback(places).id == first.id
    with duckdb.connect(str(places.bi_path), read_only=True) as bi:
        assert bi.execute("select distinct data_through from marts.kpi_values").fetchall() == [(THROUGH,)]
    assert release.verify(places) == []
    with pytest.raises(release.ReleaseError, match="oldest release kept"):
        release.rollback(places)
    with pytest.raises(release.ReleaseError, match=f"no release nonsense.*{first.id}"):
        release.rollback(places, "nonsense")
    for _ in range(2):
        again = release.publish(places, GATES)
        assert (again.id, again.is_new) == (first.id, False), "nobody but a person takes a rollback back"
        assert (release.current(places), release.rolled_back(places)) == (first, second.id)
    assert release.verify(places) == []

    next_day(places)
    third = release.publish(places, GATES)
    assert third.is_new
    assert (release.current(places), release.rolled_back(places)) == (third, None)

    files.replace_link(first.id, places.releases_dir / "current")  # as a publisher that died before it served leaves it
    assert release.publish(places, GATES).is_new, "that is no rollback"
    assert release.rollback(places, second.id) == second
    assert release.rolled_back(places) == third.id
    assert release.rollback(places, third.id) == third
    assert release.rolled_back(places) is None


@pytest.mark.parametrize("victim", ["kpi_values.2026.parquet", "kpilote.duckdb", "manifest.json"])
def test_verify_detects_one_flipped_byte_and_publishing_mends_it(places: Places, victim: str) -> None:
    done = release.publish(places, GATES)
    damage(done.path / victim)

    assert any(victim in problem for problem in release.verify(places))

    mended = release.publish(places, GATES)
    assert mended.is_new
    assert release.verify(places) == []
    with pytest.raises(release.ReleaseError, match="damaged"):
        release.rollback(places, done.id)
    assert release.current(places) == mended


def test_verify_detects_missing_strange_and_foreign_files(places: Places) -> None:
    done = release.publish(places, GATES)
    (done.path / "fct_leads.parquet").unlink()
    (done.path / "smuggled.parquet").write_bytes(b"")
    places.bi_path.unlink()

    problems = " | ".join(release.verify(places))

    assert "fct_leads.parquet is missing" in problems
    assert "smuggled.parquet does not belong" in problems
    assert "kpilote.duckdb is not the file of release" in problems


def test_a_lost_or_replaced_bi_file_is_restored_and_its_stale_log_removed(places: Places) -> None:
    done = release.publish(places, GATES)
    places.bi_path.unlink()
    stale = places.home / "kpilote.duckdb.wal"
    stale.write_bytes(b"left by a tool that opened the file for writing")

    assert not release.publish(places, GATES).is_new

    assert release.verify(places) == []
    assert not stale.exists()
    assert release.current(places) == done


def test_a_held_lock_is_a_clear_error(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "LOCK_WAIT_SECONDS", 0.2)
    with (
        files.locked(places.releases_dir / ".lock", wait_seconds=0),
        pytest.raises(release.ReleaseError, match="another publication is running"),
    ):
        release.publish(places, GATES)


def test_the_warehouse_is_only_read(places: Places) -> None:
    before = files.sha256(places.warehouse_path)
    release.publish(places, GATES)
    assert files.sha256(places.warehouse_path) == before
    assert not places.warehouse_path.with_name("warehouse.duckdb.wal").exists()
