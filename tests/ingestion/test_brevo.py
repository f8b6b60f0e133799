"""Brevo against the company's own truth: who was sent what and did what, who is gone, totals it forgets, its limits."""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ingestion import identity, lake
from ingestion.errors import SettingsError, SourceError
from ingestion.privacy import Hasher
from ingestion.registry import SOURCES, table
from ingestion.settings import Settings, reload
from ingestion.sources import brevo
from ingestion.sources.brevo import api, exports
from ingestion.sources.brevo import rows as brevo_rows
from sandbox.apis import brevo_messages
from sandbox.faults import Fault
from sandbox.limits import Counters
from sandbox.server import Running, running
from sandbox.world import Snapshot, World
from sandbox.world.clock import TIME_ZONE
from sandbox.world.text import CONTACT_BASE
from tests.ingestion.conftest import END, HASH_KEY, START, environment
from tests.ingestion.lake_reader import committed, latest, rows, windows

Truth = dict[str, list[tuple[object, ...]]]
HASHER = Hasher(HASH_KEY)
DAY = dt.timedelta(days=1)


def found(settings: Settings, name: str) -> list[dict[str, Any]]:
    """What staging starts from, as dicts."""
    declared = table(f"brevo.{name}")
    names = [column.name for column in declared.columns if column.name != "read_at"]
    return [dict(zip(names, row, strict=True)) for row in latest(settings, declared)]


def number(contact_id: str) -> str:
    return str(int(contact_id) - CONTACT_BASE)


def campaign_number(campaign_id: str) -> str:
    return str(int(campaign_id[1:], 16))


@dataclass(frozen=True)
class Edited:
    """A company of which one day tells something else than before."""

    world: World
    day: dt.date
    edit: Callable[[Snapshot], Snapshot]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def snapshot(self, until: dt.date) -> Snapshot:
        company = self.world.snapshot(until)
        return company if until < self.day else self.edit(company)


@pytest.fixture
def edited(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`edited(edit)` serves a company whose last day is edited, pulls the day before, and gives settings and server."""
    contexts = []

    def start(edit: Callable[[Snapshot], Snapshot]) -> tuple[Settings, Running]:
        context = running(Edited(world, END, edit), END - DAY, home=tmp_path / "company")  # type: ignore[arg-type]
        company = context.__enter__()
        contexts.append(context)
        for name, value in environment(company, tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        settings = reload()
        lake.pull("brevo", START, END - DAY, settings=settings)
        company.advance(END)
        return settings, company

    yield start
    for context in contexts:
        context.__exit__(None, None, None)


# -- everything arrives ------------------------------------------------------------------------------------------------


def test_contacts_are_the_companys(pulled: Settings, world: World) -> None:
    members = world.snapshot(END).email_members
    told = {row["contact_id"]: row for row in found(pulled, "contacts")}
    assert len(told) == members["contact_id"].nunique()
    for contact_id, own in members.groupby("contact_id"):
        row, statuses = told[number(str(contact_id))], set(own["status"])
        assert row["email_hash"] == HASHER.email(own["email"].iat[0])
        assert row["is_blacklisted"] == ("cleaned" in statuses or "subscribed" not in statuses)
        assert len(row["list_ids"]) == len(own)
        assert len(row["unsubscribed_list_ids"]) == (own["status"] == "unsubscribed").sum()
        assert row["created_at"] == own["opted_in_at"].min().floor("s")
        assert row["updated_at"] == own["last_changed"].max().floor("s")
        assert row["archived"] is False


def test_campaigns_and_sends_are_the_companys(pulled: Settings, world: World) -> None:
    company = world.snapshot(END)
    campaigns = company.email_campaigns
    assert {(row["campaign_id"], row["utm_campaign"], row["sent_at"]) for row in found(pulled, "campaigns")} == {
        (campaign_number(id_), utm, at)
        for id_, utm, at in zip(
            campaigns["campaign_id"], campaigns["utm_campaign"], campaigns["send_time"], strict=True
        )
    }
    sends = company.email_sends
    assert {(row["campaign_id"], row["email_hash"], row["status"]) for row in found(pulled, "sends")} == {
        (campaign_number(id_), HASHER.email(email), "sent" if pd.isna(bounce) else bounce)
        for id_, email, bounce in zip(sends["campaign_id"], sends["email"], sends["bounce"], strict=True)
    }
    leaves = company.email_unsubscribes
    assert len(leaves) > 0
    assert {(row["campaign_id"], row["email_hash"], row["occurred_at"]) for row in found(pulled, "unsubscribes")} == {
        (campaign_number(id_), HASHER.email(email), at)
        for id_, email, at in zip(leaves["campaign_id"], leaves["email"], leaves["at"], strict=True)
    }


def test_activity_is_the_companys_as_brevo_counts_it(pulled: Settings, world: World) -> None:
    """One row per link and address of the net, with how often and when first; people and machines apart."""
    company = world.snapshot(END)
    activity = company.email_activity.assign(url=company.email_activity["url"].fillna(""))
    groups = activity.groupby(["campaign_id", "email", "action", "url", "is_machine"])["at"].agg(["size", "min"])
    expected = {
        (campaign_number(id_), HASHER.email(email), action, url or None, machine, times, first)
        for (id_, email, action, url, machine), times, first in groups.itertuples(name=None)
    }
    told = [row for row in found(pulled, "email_activity") if row["action"] != "bounce"]
    names = ("campaign_id", "email_hash", "action", "url", "is_machine", "times", "occurred_at")
    assert {tuple(row[name] for name in names) for row in told} == expected
    assert len(told) == len(expected)
    assert sum(row["times"] for row in told) == len(activity)
    bounces = [row for row in found(pulled, "email_activity") if row["action"] == "bounce"]
    assert len(bounces) == company.email_sends["bounce"].notna().sum() > 0


def test_totals_are_the_sums_of_what_recipients_did(pulled: Settings) -> None:
    sends, activity = found(pulled, "sends"), found(pulled, "email_activity")
    for row in found(pulled, "campaign_statistics"):
        own = [each for each in activity if each["campaign_id"] == row["campaign_id"]]
        assert row["sent"] == sum(each["campaign_id"] == row["campaign_id"] for each in sends)
        assert row["opens"] == sum(each["times"] for each in own if each["action"] == "open")
        assert row["unique_opens"] == len({each["email_hash"] for each in own if each["action"] == "open"})
        assert row["unique_clicks"] == len({each["email_hash"] for each in own if each["action"] == "click"})


def test_messages_arrive_event_by_event(pulled: Settings, world: World) -> None:
    now = pd.Timestamp(END, tz=TIME_ZONE).tz_convert("UTC")
    events = brevo_messages.events(world.snapshot(END), now)
    told = found(pulled, "transactional_events")
    words = {"requests": "requested", "loadedByProxy": "proxy_opened", "clicks": "clicked"}
    assert {(row["message_id"], row["email_hash"], row["event"]) for row in told} == {
        (HASHER.identifier(each["messageId"]), HASHER.email(each["email"]), words.get(each["event"], each["event"]))
        for each in events
        if each["date"] >= START.isoformat()
    }
    assert {row["event"] for row in told if row["is_machine"]} == {"proxy_opened"}
    assert {row["is_machine"] for row in told if row["event"] == "opened"} == {False}


def test_nothing_of_a_contact_but_a_hash_is_kept(pulled: Settings, world: World) -> None:
    contacts = world.snapshot(END).contacts
    for declared in SOURCES["brevo"].tables.values():
        kept = str(rows(pulled, declared))
        assert "@" not in kept, declared.name
        assert not any(name in kept for name in contacts["phone"].dropna())
        assert not any(f"'{name}'" in kept for name in contacts["last_name"].dropna())


# -- what is asked for -------------------------------------------------------------------------------------------------


def test_contacts_are_asked_after_by_number_and_files_are_fetched_without_the_key(
    fresh: Settings, company: Running
) -> None:
    before = len(company.requests)
    lake.pull("brevo", START, END, settings=fresh)
    asked = company.requests[before:]
    assert not any("@" in each.path + each.query + each.body.decode() for each in asked)
    statistics = [each.path for each in asked if each.path.endswith("/campaignStats")]
    assert all(re.fullmatch(r"/brevo/v3/contacts/\d+/campaignStats", path) for path in statistics)
    files = [each for each in asked if each.path.startswith("/brevo/exports/")]
    assert files
    assert not any("api-key" in each.headers for each in files)


def test_only_exports_that_hold_somebody_are_made_and_only_those_who_did_something_are_asked_after(
    fresh: Settings, company: Running, world: World
) -> None:
    before = len(company.requests)
    lake.pull("brevo", START, END, settings=fresh)
    asked = company.requests[before:]
    snapshot = world.snapshot(END)
    activity, sends = snapshot.email_activity, snapshot.email_sends
    made = [each for each in asked if each.path.endswith("/exportRecipients")]
    by_action = activity.groupby("action")["campaign_id"].nunique()
    bounced = sends.groupby("bounce")["campaign_id"].nunique().sum()
    left = snapshot.email_unsubscribes["campaign_id"].nunique()
    assert len(made) == len(snapshot.email_campaigns) + by_action.sum() + bounced + left
    actors = {*activity["contact_id"], *sends.loc[sends["bounce"].notna(), "contact_id"]}
    assert {each.path.split("/")[4] for each in asked if each.path.endswith("/campaignStats")} == {
        number(each) for each in actors
    }
    assert len([each for each in asked if each.path.endswith("/processes")]) < 20


def test_a_later_pull_reads_the_campaigns_of_the_last_days_only(
    fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.pull("brevo", START, END, settings=fresh)
    monkeypatch.setenv("SOURCES__BREVO__LOOKBACK_DAYS", "10")
    result = lake.pull("brevo", END - DAY, END, settings=fresh)
    assert "contacts" not in result.rows
    assert "campaign_statistics" not in result.rows
    newest = committed(fresh, "brevo")[-1]
    starts = {
        name: row["window_start"]
        for name in SOURCES["brevo"].tables
        for row in windows(fresh, "brevo", name)
        if row["_dlt_load_id"] == newest
    }
    ten = END - dt.timedelta(days=10)
    assert {starts[name] for name in ("sends", "email_activity", "unsubscribes")} == {ten}
    assert starts["contacts"] == starts["campaigns"] == END - DAY
    assert starts["transactional_events"] == END - dt.timedelta(days=4)
    days = {row["send_day"] for row in rows(fresh, table("brevo.sends")) if row["_dlt_load_id"] == newest}
    assert days
    assert min(days) >= ten


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list in pages of a few rows."""
    for name, most in (("lists", 2), ("contacts", 9), ("campaigns", 4), ("messages", 11)):
        real = getattr(brevo_rows, name)
        monkeypatch.setattr(brevo_rows, name, lambda *given, real=real, most=most: replace(real(*given), most=most))


@pytest.mark.usefixtures("small_pages")
def test_many_pages_are_one_list(fresh: Settings, company: Running, truth: Truth) -> None:
    before = len(company.requests)
    lake.pull("brevo", START, END, settings=fresh)
    for declared in SOURCES["brevo"].tables.values():
        assert latest(fresh, declared) == truth[declared.full_name], declared.full_name
        if declared.name == "contacts":
            assert len(rows(fresh, declared)) == len(truth[declared.full_name])
    pages = [each.query for each in company.requests[before:] if each.path.endswith("/v3/contacts")]
    assert len(pages) > 5
    assert all("sort=asc" in query for query in pages)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("kind", ["page_repeated", "empty_page"])
def test_pages_that_lie_are_read_again(kind: Any, fresh: Settings, company: Running, truth: Truth) -> None:
    plan = [Fault(path, kind, nth=3) for path in ("v3/contacts$", "/emailCampaigns$", "/events$")]
    company.faults.add(*plan)
    lake.pull("brevo", START, END, settings=fresh)
    assert all(fault.fired for fault in plan)
    for declared in SOURCES["brevo"].tables.values():
        assert latest(fresh, declared) == truth[declared.full_name], declared.full_name


@pytest.mark.usefixtures("small_pages")
def test_pages_that_go_on_lying_fail_the_pull(fresh: Settings, company: Running) -> None:
    company.faults.add(Fault("v3/contacts$", "page_repeated", nth=2, times=1_000))
    with pytest.raises(SourceError, match="pages that do not belong together, 4 times"):
        lake.pull("brevo", START, END, settings=fresh)
    assert committed(fresh, "brevo") == []


# -- what changes ------------------------------------------------------------------------------------------------------


def _changed_at_the_newest_instant(company: Snapshot) -> Snapshot:
    """A contact changes in the very second of the newest change there was."""
    members = company.email_members
    before = members["last_changed"] < pd.Timestamp(END - DAY, tz=TIME_ZONE)
    newest = members.loc[before, "last_changed"].max()
    oldest = members["last_changed"].idxmin()
    changed = members.copy()
    changed.loc[oldest, "last_changed"] = newest
    changed.loc[oldest, "status"] = "cleaned"
    return replace(company, email_members=changed)


def test_a_change_in_the_second_of_the_newest_one_is_read(edited: Any) -> None:
    settings, company = edited(_changed_at_the_newest_instant)
    before = {row["contact_id"]: row["is_blacklisted"] for row in found(settings, "contacts")}
    lake.pull("brevo", END - DAY, END, settings=settings)
    after = {row["contact_id"]: row["is_blacklisted"] for row in found(settings, "contacts")}
    members = company.sandbox.world.snapshot(END - DAY).email_members
    changed = number(str(members.loc[members["last_changed"].idxmin(), "contact_id"]))
    assert {each for each in before if before[each] != after[each]} == {changed}
    again = lake.pull("brevo", END - DAY, END, settings=settings)
    assert "contacts" not in again.rows


def _without(gone: list[str], company: Snapshot) -> Snapshot:
    """Contacts that somebody deleted in Brevo: what they were sent stays in its exports."""
    members = company.email_members
    return replace(company, email_members=members[~members["contact_id"].isin(gone)].reset_index(drop=True))


def test_contacts_deleted_get_a_tombstone_once_and_their_sends_stay(edited: Any, world: World) -> None:
    snapshot = world.snapshot(END)
    recent = snapshot.email_activity[snapshot.email_activity["at"] > pd.Timestamp(END - 20 * DAY, tz="UTC")]
    gone = sorted(recent["contact_id"].unique())[:2]
    settings, company = edited(partial(_without, gone))
    asked = len(company.requests)
    pulled = lake.pull("brevo", END - DAY, END, settings=settings)
    assert pulled.rows["contacts"] >= 2
    archived = {row["contact_id"]: row["archived_at"] for row in found(settings, "contacts") if row["archived"]}
    assert set(archived) == {number(each) for each in gone}
    assert all(archived.values())
    listed = [each for each in company.requests[asked:] if each.path.endswith("/v3/contacts")]
    assert any("limit=1000" in each.query and "modifiedSince" not in each.query for each in listed)
    hashes = {HASHER.email(email) for email in recent.loc[recent["contact_id"].isin(gone), "email"]}
    assert hashes <= {row["email_hash"] for row in found(settings, "sends") if row["send_day"] > END - 20 * DAY}
    asked = len(company.requests)
    again = lake.pull("brevo", END - DAY, END, settings=settings)
    assert "contacts" not in again.rows
    listed = [each for each in company.requests[asked:] if each.path.endswith("/v3/contacts")]
    assert not any("limit=1000" in each.query and "modifiedSince" not in each.query for each in listed)
    unknown = {each.path.split("/")[4] for each in company.requests[asked:] if each.path.endswith("/campaignStats")}
    assert not unknown & {number(each) for each in gone}


def test_a_contact_that_goes_while_it_is_read_is_no_error(fresh: Settings, company: Running, truth: Truth) -> None:
    company.faults.add(Fault("/campaignStats$", "404", nth=2, times=2))
    lake.pull("brevo", START, END, settings=fresh)
    assert latest(fresh, table("brevo.sends")) == truth["brevo.sends"]


def test_totals_brevo_forgot_are_kept_and_those_never_read_come_from_the_report(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = END + dt.timedelta(days=210)
    with running(world, END, home=tmp_path / "company") as company:
        for name, value in environment(company, tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        settings = reload()
        lake.pull("brevo", START, END, settings=settings)
        before = {row["campaign_id"]: row for row in found(settings, "campaign_statistics")}
        monkeypatch.setattr(company.sandbox, "clock", lambda: later)
        window = (START, START + dt.timedelta(days=14))
        asked = len(company.requests)
        lake.pull("brevo", *window, settings=settings)
        after = {row["campaign_id"]: row for row in found(settings, "campaign_statistics")}
        assert {each: row["sent"] for each, row in after.items()} == {each: row["sent"] for each, row in before.items()}
        assert all(after[each] == before[each] for each in before if before[each]["sent_at"].date() < window[1])
        reports = r"/emailCampaigns/\d+$"
        assert not [each for each in company.requests[asked:] if re.search(reports, each.path)]
        statuses = {row["status"] for row in found(settings, "campaigns") if row["sent_at"].date() < window[1]}
        assert statuses == {"archive"}, "read in the archive, where no sentDate is told"
        monkeypatch.setenv("KPILOTE_HOME", str(tmp_path / "other"))
        asked = len(company.requests)
        fresh = reload()
        lake.pull("brevo", *window, settings=fresh)
        again = {row["campaign_id"]: row for row in found(fresh, "campaign_statistics")}
        assert again == {each: row for each, row in before.items() if row["sent_at"].date() < window[1]}
        assert len([each for each in company.requests[asked:] if re.search(reports, each.path)]) == len(again)


def test_no_total_becomes_less_while_brevo_forgets_day_by_day(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six months after the first campaign, when the list forgets its sends, then its opens one after another."""
    company, settings = own()
    monkeypatch.setenv("SOURCES__BREVO__LOOKBACK_DAYS", "0")
    monkeypatch.setattr(brevo, "TOTALS_DAYS", 250)
    lake.pull("brevo", END - DAY, END, settings=settings)
    before = {row["campaign_id"]: row for row in found(settings, "campaign_statistics")}
    first = min(row["sent_at"] for row in before.values()).date()
    partly = set()
    for day in (first + dt.timedelta(days=each) for each in (184, 186)):
        monkeypatch.setattr(company.sandbox, "clock", lambda day=day: day)
        lake.pull("brevo", day - DAY, day, settings=settings)
        after = {row["campaign_id"]: row for row in found(settings, "campaign_statistics")}
        for told in api.Brevo(api.BrevoSettings.load()).read(brevo_rows.campaigns(first, END)):
            id_, totals = str(told["id"]), brevo_rows.totals(told)
            partly |= {id_ for name in ("opens", "clicks") if 0 < totals[name] < before[id_][name]}
        for id_, known in before.items():
            assert all(after[id_][name] >= known[name] for name in brevo_rows.TOTALS), id_
        before = after
    assert partly, "on some day the list told a part of what it had told before"


def test_the_list_is_asked_for_no_campaign_of_which_it_may_have_forgotten_a_part() -> None:
    for day in pd.date_range("2026-01-01", "2030-12-31", tz="UTC"):
        assert day - pd.DateOffset(months=6) + pd.Timedelta(days=brevo.TOTALS_DAYS + 1) <= day


@pytest.mark.parametrize(
    ("told", "known", "age", "is_forgotten"),
    [
        ({"sent": 10, "viewed": 3}, {"sent": 10, "opens": 5}, 10, False),
        ({"sent": 11}, {"sent": 10}, 170, False),
        ({"sent": 9, "viewed": 6}, {"sent": 10, "opens": 5}, 170, True),
        ({"sent": 0}, {}, 10, True),
        ({}, {"sent": 10}, 10, True),
        ({"sent": 9}, {}, 179, False),
        ({"sent": 9}, {}, 180, True),
        ({"sent": 9}, {"sent": 0}, 180, True),
    ],
)
def test_what_the_list_may_have_forgotten(
    told: dict[str, int], known: dict[str, int], age: int, is_forgotten: bool
) -> None:
    now = dt.datetime(2026, 9, 1, 12, tzinfo=dt.UTC)
    row = {"sentDate": (now - age * DAY).isoformat(), "statistics": {"globalStats": told}}
    assert brevo_rows.is_forgotten(row, known, now) is is_forgotten


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def limited(company: Running) -> Iterator[Callable[..., None]]:
    """`limited(brevo_others_per_hour=3)` lowers the sandbox's limits; afterwards they are as they were."""
    sandbox = company.sandbox
    limits, counters = sandbox.limits, sandbox.counters

    def lower(**changed: int) -> None:
        sandbox.limits = replace(limits, **changed)
        sandbox.counters = Counters(sandbox.limits)
        sandbox.counters.open_requests = counters.open_requests

    yield lower
    sandbox.limits, sandbox.counters = limits, counters


def test_a_refusal_without_retry_after_is_waited_out_as_the_reset_says(
    fresh: Settings, company: Running, limited: Callable[..., None], truth: Truth
) -> None:
    limited(brevo_contacts_per_second=40)
    before = len(company.requests)
    lake.pull("brevo", START, END, settings=fresh)
    assert [each for each in company.requests[before:] if each.status == 429]
    assert latest(fresh, table("brevo.email_activity")) == truth["brevo.email_activity"]


def test_a_used_up_hour_stops_the_pull_in_one_line_and_loses_nothing(
    fresh: Settings, company: Running, limited: Callable[..., None], truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__BREVO__MAX_WAIT_SECONDS", "0.05")
    monkeypatch.setenv("SOURCES__BREVO__MAX_ATTEMPTS", "2")
    limited(brevo_others_per_hour=30)
    with pytest.raises(SourceError, match=r"too many requests \(429\), 2 times; run it again later"):
        lake.pull("brevo", START, END, settings=fresh)
    assert committed(fresh, "brevo") == []
    limited()
    lake.pull("brevo", START, END, settings=fresh)
    assert latest(fresh, table("brevo.sends")) == truth["brevo.sends"]


def test_the_connector_keeps_to_the_limit_of_each_family_by_itself(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__BREVO__OTHERS_PER_HOUR", "3")
    slept: list[float] = []
    monkeypatch.setattr("ingestion.http.time.sleep", slept.append)
    client = api.Brevo(api.BrevoSettings.load())
    for _ in range(4):
        client.get("others", "/emailCampaigns", {"limit": 1})
        client.get("contacts", "/contacts", {"limit": 1})
    assert len(slept) == 1
    assert 3_500 < slept[0] <= 3_600


# -- settings and refusals ---------------------------------------------------------------------------------------------


def test_the_column_of_addresses_may_be_named(fresh: Settings, monkeypatch: pytest.MonkeyPatch, truth: Truth) -> None:
    monkeypatch.setenv("SOURCES__BREVO__EXPORT_EMAIL_COLUMN", "E-MAIL")
    with pytest.raises(SourceError, match=r"no column e-mail: set SOURCES__BREVO__EXPORT_EMAIL_COLUMN"):
        lake.pull("brevo", START, END, settings=fresh)
    monkeypatch.setenv("SOURCES__BREVO__EXPORT_EMAIL_COLUMN", "email")
    lake.pull("brevo", START, END, settings=fresh)
    assert latest(fresh, table("brevo.sends")) == truth["brevo.sends"]


def test_proxy_ranges_may_be_named(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__BREVO__PROXY_RANGES", "17.0.0.0/40")
    with pytest.raises(SettingsError, match="SOURCES__BREVO__PROXY_RANGES is not usable"):
        lake.pull("brevo", START, END, settings=fresh)
    monkeypatch.setenv("SOURCES__BREVO__PROXY_RANGES", "10.0.0.0/8")
    lake.pull("brevo", START, END, settings=fresh)
    assert not any(row["is_machine"] for row in found(fresh, "email_activity"))


def test_an_export_that_is_never_finished_ends_the_pull(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__BREVO__EXPORT_PATIENCE_SECONDS", "0.001")
    with pytest.raises(SourceError, match=r"exports are not finished after 0\.001 seconds"):
        lake.pull("brevo", START, END, settings=fresh)


def test_a_process_told_twice_is_started_again(fresh: Settings, company: Running, truth: Truth) -> None:
    company.faults.add(Fault("/exportRecipients$", "page_repeated", nth=4, times=1))
    lake.pull("brevo", START, END, settings=fresh)
    assert latest(fresh, table("brevo.sends")) == truth["brevo.sends"]
    company.faults.plan.clear()
    company.faults.add(Fault("/exportRecipients$", "page_repeated", nth=2, times=1_000))
    with pytest.raises(SourceError, match="the same process was told for several exports, 3 times"):
        lake.pull("brevo", START, END, settings=fresh)


@pytest.mark.usefixtures("fresh")
def test_a_file_that_is_another_exports_is_fetched_again(company: Running, truth: Truth) -> None:
    """Two campaigns to as many people: a file does not say whose it is."""
    people = defaultdict(set)
    for _, campaign, email_hash, _ in truth["brevo.sends"]:
        people[campaign].add(email_hash)
    one, other = next(
        (one, other)
        for one, other in combinations(sorted(people), 2)
        if len(people[one]) == len(people[other]) and people[one] != people[other]
    )
    company.faults.add(Fault("/exports/", "page_repeated", nth=2))
    wanted = [((each, "all"), len(people[each])) for each in (one, other)]
    found = exports.fetch(api.Brevo(api.BrevoSettings.load()), wanted)
    assert {each: set(map(HASHER.email, addresses)) for (each, _), addresses in found.items()} == {
        each: people[each] for each in (one, other)
    }


def test_an_address_that_is_not_let_in_is_told_from_a_wrong_key() -> None:
    barred = {"code": "unauthorized", "message": "We have detected you are using an unrecognised IP address 1.2.3.4"}
    assert "allow this machine's IP address" in str(api._explain("contacts", 401, barred))
    assert "1.2.3.4" not in str(api._explain("contacts", 401, barred))
    assert "IP" not in str(api._explain("contacts", 401, {"code": "unauthorized", "message": "Key not found"}))


def test_a_contact_known_by_phone_has_no_address() -> None:
    row = {"id": 7, "email": "33612345678@mailin-sms.com", "listIds": [3], "attributes": {"SMS": "33612345678"}}
    kept = brevo_rows.contact(row)
    assert kept["email_hash"] is kept["email_domain"] is None
    assert "33612345678" not in str(kept)


# -- people ------------------------------------------------------------------------------------------------------------


def test_brevos_number_leads_to_the_person(pulled: Settings, world: World) -> None:
    members = world.snapshot(END).email_members
    contact_id, email = str(members["contact_id"].iat[0]), str(members["email"].iat[0])
    by_number = identity.resolve(pulled, identity.from_id(f"brevo:{number(contact_id)}", HASHER))
    by_address = identity.resolve(pulled, identity.from_address(email, HASHER))
    assert by_number.nodes == by_address.nodes
    assert by_number.rows["brevo.contacts"] == 1
    assert by_number.rows["hubspot.contacts"] >= 1
