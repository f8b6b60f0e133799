"""Pulls over real HTTP: what arrives, what a second pull adds, what an update, an archive and a merge change."""

import datetime as dt

import pytest

from ingestion import lake
from ingestion.registry import SOURCES, Table, bookkeeping, table, tables
from ingestion.settings import Settings
from sandbox.server import Running
from sandbox.world import World
from tests.ingestion.conftest import END, START
from tests.ingestion.lake_reader import VOLATILE, committed, latest, rows, windows

# Days before the end of a pull that it reads again, by source, or table where it has its own.
WEEKLY_LOOK_BACK = 30
# After more than a week.
LOOK_BACK = {
    **dict.fromkeys(("ga4", "matomo", "klaviyo"), WEEKLY_LOOK_BACK),
    "mailchimp": 30, "brevo": 30, "brevo.transactional_events": 4,
}  # fmt: skip
Truth = dict[str, list[tuple[object, ...]]]


def column(settings: Settings, full_name: str, name: str) -> list[object]:
    names = [each.name for each in table(full_name).columns if each.name not in {"read_at"}]
    return [row[names.index(name)] for row in latest(settings, table(full_name))]


@pytest.mark.parametrize("each", [each.full_name for each in tables()])
def test_every_table_arrives_with_its_window(each: str, pulled: Settings, truth: Truth) -> None:
    declared = table(each)
    assert truth[each], f"{each} is empty"
    covered = windows(pulled, declared.source, declared.name)
    assert len({row["_dlt_load_id"] for row in covered}) == 1
    if declared.source != "spreadsheets":
        assert {(row["window_start"], row["window_end"]) for row in covered} == {(START, END)}


@pytest.mark.parametrize("source", SOURCES)
def test_every_table_says_how_many_rows_it_received(source: str, pulled: Settings) -> None:
    said: dict[str, int] = {}
    for account in rows(pulled, bookkeeping(source).received):
        assert account["rows_received"] == account["rows_accepted"] + account["rows_quarantined"]
        said[account["table_name"]] = said.get(account["table_name"], 0) + account["rows_received"]
    assert said == {name: len(rows(pulled, declared)) for name, declared in SOURCES[source].tables.items()}


@pytest.mark.parametrize("each", [each.full_name for each in tables()])
def test_keys_are_unique_and_required_columns_filled(each: str, pulled: Settings) -> None:
    declared = table(each)
    found = rows(pulled, declared)
    keys = [tuple(str(row[name]) for name in declared.key) for row in found]
    assert len(keys) == len(set(keys))
    for name in (required.name for required in declared.columns if not required.nullable):
        assert all(row[name] is not None for row in found), name


def test_counts_are_the_companys(pulled: Settings, truth: Truth, world: World) -> None:
    company = world.snapshot(END)
    contacts = company.contacts[company.contacts["merged_into"].isna()]
    assert len(truth["hubspot.contacts"]) == len(contacts)
    assert sum(column(pulled, "hubspot.contacts", "archived")) == contacts["archived_at"].notna().sum()
    assert len(truth["hubspot.deals"]) == len(company.deals)
    assert len(truth["pipedrive.persons"]) == contacts["archived_at"].isna().sum()
    standing = company.meetings["archived_at"].isna().sum()
    assert len(truth["pipedrive.activities"]) == standing + len(company.calls) + len(company.crm_emails)
    assert len(truth["mailchimp.sends"]) == len(company.email_sends)
    actions = column(pulled, "mailchimp.email_activity", "action")
    assert len(actions) - actions.count("bounce") == len(company.email_activity)
    assert actions.count("bounce") == company.email_sends["bounce"].notna().sum()
    assert len(truth["spreadsheets.ad_spend"]) == len(company.ad_spend)
    pulled_sessions = {
        (client, session)
        for client, session in zip(
            column(pulled, "ga4.events", "client_id"), column(pulled, "ga4.events", "session_id"), strict=True
        )
    }
    assert len(pulled_sessions) == len(company.observable_sessions.drop_duplicates(["client_id", "session_id"]))


def test_machines_are_told_from_people(pulled: Settings, world: World) -> None:
    activity = world.snapshot(END).email_activity
    assert sum(column(pulled, "mailchimp.email_activity", "is_machine")) == activity["is_machine"].sum() > 0


def test_logins_meet_across_sources(pulled: Settings) -> None:
    visitors = set(column(pulled, "ga4.events", "user_id_hash")) - {None}
    assert visitors
    assert visitors <= set(column(pulled, "hubspot.contacts", "user_key_hash"))
    assert set(column(pulled, "mailchimp.sends", "email_hash")) & set(column(pulled, "hubspot.contacts", "email_hash"))


@pytest.mark.parametrize("source", SOURCES)
def test_a_second_pull_changes_nothing(source: str, fresh: Settings, truth: Truth) -> None:
    for _ in range(2):
        result = lake.pull(source, START, END, settings=fresh)
    for declared in SOURCES[source].tables.values():
        assert latest(fresh, declared) == truth[declared.full_name], declared.full_name
    if source == "spreadsheets":
        assert result.load_ids == ()
    if source == "hubspot":
        assert not set(result.rows) - {"owners", "pipeline_stages"}
    if source == "pipedrive":
        assert not set(result.rows) - {"users", "pipelines", "stages"}


def test_day_by_day_ends_like_one_pull(fresh: Settings, company: Running, truth: Truth) -> None:
    """The company grows while it is pulled: updates merge, late days are replaced, archived and merged ones say so."""
    try:
        for days in (20, 10, 0):
            until = END - dt.timedelta(days=days)
            company.advance(until)
            for source in SOURCES:
                lake.pull(source, START if days == 20 else until - dt.timedelta(days=14), until, settings=fresh)
    finally:
        company.advance(END)
    merged = _survivors(fresh)
    assert merged, "the company merged nobody in the last days: choose another seed"
    gone = {
        row[0]
        for name in ("persons", "deals")
        for row in latest(fresh, table(f"pipedrive.{name}"))
        if _is_archived(name, row)
    }
    assert {each for each in merged if each in gone}
    for declared in tables():
        expected = truth[declared.full_name]
        if declared.source == "hubspot":
            # Records merged since they were pulled stay in the lake; the survivor names them.
            assert _merged(declared, latest(fresh, declared), merged) == _merged(declared, expected, merged)
        elif declared.full_name == "salesforce.opportunity_contact_roles":
            # The role of a contact merged since is gone without a trace: a tombstone here, no row in one pull.
            found = [row for row in latest(fresh, declared) if not row[-1]]
            assert found == [row for row in expected if not row[-1]]
            assert len(found) < len(latest(fresh, declared))
        elif declared.source == "pipedrive":
            # What was deleted or merged away since stays in the lake with a tombstone; the first pull never saw it.
            assert _standing(declared, latest(fresh, declared), gone) == _standing(declared, expected, gone)
        else:
            assert latest(fresh, declared) == expected, declared.full_name


def _survivors(settings: Settings) -> dict[str, str]:
    return {
        str(loser): str(row["contact_id"])
        for row in rows(settings, table("hubspot.contacts"))
        for loser in row["merged_ids"] or ()
    }


def _is_archived(name: str, row: tuple[object, ...]) -> bool:
    return bool(row[[column.name for column in table(f"pipedrive.{name}").columns].index("archived")])


def _standing(declared: Table, found: list[tuple[object, ...]], gone: set[object]) -> list[tuple[object, ...]]:
    """Rows of records that are still there: neither archived nor of a deal that is."""
    if "archived" in [column.name for column in declared.columns] and declared.name not in (
        "users",
        "pipelines",
        "stages",
    ):
        return [row for row in found if not _is_archived(declared.name, row)]
    return [row for row in found if declared.entity not in ("history", "link") or row[1] not in gone]


def _merged(declared: Table, found: list[tuple[object, ...]], survivors: dict[str, str]) -> list[tuple[object, ...]]:
    """Rows without those of merged records, links pointing at the survivors."""
    ids = [
        index
        for index, each in enumerate(c for c in declared.columns if c.name != "read_at")
        if each.name in declared.key
    ]
    own = [row for row in found if not any(row[index] in survivors for index in ids)]
    if declared.name == "associations":
        own = [(*row[:3], tuple(dict.fromkeys(survivors.get(str(to), str(to)) for to in row[3] or ()))) for row in own]  # type: ignore[attr-defined]
    return sorted(own, key=repr)


def test_a_window_replaces_its_days_and_no_others(fresh: Settings, company: Running) -> None:
    """Days outside a re-pulled window keep what the older load said."""
    lake.pull("ga4", START, END, settings=fresh)
    first, *_ = committed(fresh, "ga4")
    lake.pull("ga4", END - dt.timedelta(days=1), END, settings=fresh)
    second = committed(fresh, "ga4")[-1]
    covered = {row["_dlt_load_id"]: row["window_start"] for row in windows(fresh, "ga4", "events")}
    assert covered == {first: START, second: END - dt.timedelta(days=4)}
    lake.pull("ga4", END, END + dt.timedelta(days=7), settings=fresh)
    week_later = max(windows(fresh, "ga4", "events"), key=lambda row: float(row["_dlt_load_id"]))
    assert week_later["window_start"] == END + dt.timedelta(days=1) - dt.timedelta(days=WEEKLY_LOOK_BACK)


@pytest.mark.parametrize("source", [name for name, each in SOURCES.items() if each.is_api and each.window_tables])
def test_a_pull_goes_on_from_where_the_days_of_the_last_one_ended(source: str, fresh: Settings, truth: Truth) -> None:
    """Nobody could pull for longer than any source looks back, then a tick asks for yesterday."""
    first, ended, yesterday = (END - dt.timedelta(days=days) for days in (36, 35, 1))
    told: list[str] = []
    lake.pull(source, first, ended, settings=fresh, notice=told.append)
    assert told == []
    lake.pull(source, yesterday, END, settings=fresh, notice=told.append)
    named = ", ".join(each.name for each in SOURCES[source].window_tables)
    assert told == [f"{named} from {ended} on, as no load covers the days before {yesterday}"]
    for each in SOURCES[source].window_tables:
        # The first pull that was missed would have looked back so far.
        begins = ended + dt.timedelta(days=1) - dt.timedelta(days=LOOK_BACK.get(each.full_name, LOOK_BACK[source]))
        assert [row["window_start"] for row in windows(fresh, source, each.name)][-1] == begins, each.name
        assert _since(ended, each, latest(fresh, each)) == _since(ended, each, truth[each.full_name]), each.full_name


def _since(first: dt.date, declared: Table, found: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    names = [column.name for column in declared.columns if column.name not in VOLATILE]
    return [row for row in found if str(row[names.index(str(declared.day_column))]) >= str(first)]


def test_a_pull_fills_no_day_before_the_first_and_none_of_a_frozen_source(fresh: Settings) -> None:
    lake.pull("klaviyo", START, START + dt.timedelta(days=1), settings=fresh)
    first, told = END - dt.timedelta(days=2), list[str]()
    frozen = fresh.model_copy(update={"frozen_sources": ("klaviyo",)})
    assert lake.pull("klaviyo", first, END, settings=frozen, notice=told.append).load_ids == ()
    later = fresh.model_copy(update={"start_date": END - dt.timedelta(days=6)})
    lake.pull("klaviyo", first, END, settings=later, notice=told.append)
    assert [row["window_start"] for row in windows(fresh, "klaviyo", "events")] == [START, later.start_date]
    assert told == [f"events from {later.start_date} on, as no load covers the days before {first}"]


def test_coverage_ends_with_the_newest_export_file(fresh: Settings) -> None:
    lake.pull("ga4", START, END + dt.timedelta(days=5), settings=fresh)
    assert {row["window_end"] for row in windows(fresh, "ga4", "events")} == {END}


def test_progress_counts_up(fresh: Settings) -> None:
    seen: list[tuple[str, str, int]] = []
    result = lake.pull("hubspot", START, END, settings=fresh, progress=lambda *each: seen.append(each))
    assert {source for source, _, _ in seen} == {"hubspot"}
    for name, count in result.rows.items():
        assert [rows_so_far for _, each, rows_so_far in seen if each == name][-1] == count


def test_an_interrupted_load_is_finished_before_the_next(
    fresh: Settings, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that dies after extraction leaves a package; what the lake then shows is what it would have shown."""
    import dlt

    with monkeypatch.context() as dying:
        dying.setattr(dlt.Pipeline, "load", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            lake.pull("mailchimp", START, END, settings=fresh)
    assert committed(fresh, "mailchimp") == []
    lake.pull("mailchimp", START, END, settings=fresh)
    assert len(committed(fresh, "mailchimp")) == 2
    for declared in SOURCES["mailchimp"].tables.values():
        assert latest(fresh, declared) == truth[declared.full_name], declared.full_name


def test_the_working_directory_may_be_lost(fresh: Settings, truth: Truth) -> None:
    import shutil

    lake.pull("hubspot", START, END, settings=fresh)
    shutil.rmtree(fresh.dlt_dir)
    again = lake.pull("hubspot", START, END, settings=fresh)
    assert "contacts" not in again.rows
    assert latest(fresh, table("hubspot.contacts")) == truth["hubspot.contacts"]
