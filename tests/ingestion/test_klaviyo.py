"""Klaviyo's own traps: late events, exclusive bounds, profiles that vanish, pages without totals."""

import datetime as dt
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pandas as pd
import pytest

from ingestion import identity, lake
from ingestion.errors import SettingsError, SourceError
from ingestion.privacy import Hasher
from ingestion.registry import SOURCES, table
from ingestion.settings import Settings, reload
from ingestion.sources import klaviyo
from ingestion.sources.klaviyo import api
from sandbox.apis.klaviyo_rules import SCOPES
from sandbox.faults import Fault, Kind
from sandbox.server import Credentials, Running, running
from sandbox.world import Snapshot, World
from tests.ingestion.conftest import END, HASH_KEY, START, environment
from tests.ingestion.lake_reader import latest, windows
from tests.ingestion.lake_reader import rows as every_row

Truth = dict[str, list[tuple[object, ...]]]
HASHER = Hasher(HASH_KEY)
EVENTS, PROFILES, CAMPAIGNS = (table(f"klaviyo.{name}") for name in ("events", "profiles", "campaigns"))
WEEK = dt.timedelta(days=7)
KINDS = {"open": "Opened Email", "click": "Clicked Email"}


def dicts(settings: Settings, name: str) -> list[dict[str, Any]]:
    """The newest rows of a lake table by column name."""
    declared = table(f"klaviyo.{name}")
    return [dict(zip((c.name for c in declared.columns), row, strict=True)) for row in latest(settings, declared)]


def known(company: Snapshot) -> set[tuple[Any, ...]]:
    """(kind, address, campaign, instant, detail) of everything the company knows of its mails."""
    names = dict(zip(company.email_campaigns["campaign_id"], company.email_campaigns["title"], strict=True))

    def told(frame: pd.DataFrame, kind: Any, at: str, detail: Any) -> set[tuple[Any, ...]]:
        hashes, campaigns = frame["email"].map(HASHER.email), frame["campaign_id"].map(names)
        return set(zip(kind, hashes, campaigns, frame[at], detail, strict=True))

    sends, activity, leaves = company.email_sends, company.email_activity, company.email_unsubscribes
    bounce = sends["bounce"].where(sends["bounce"].notna(), "")
    url = activity["url"].where(activity["url"].notna(), "")
    return (
        told(sends, bounce.map(lambda kind: "Bounced Email" if kind else "Received Email"), "sent_at", bounce)
        | told(activity, activity["action"].map(KINDS), "at", zip(url, activity["is_machine"], strict=True))
        | told(leaves, ["Unsubscribed from Email Marketing"] * len(leaves), "at", [""] * len(leaves))
    )


def held(settings: Settings) -> list[tuple[Any, ...]]:
    """The same of the lake's events."""
    names = {id_: each["name"] for each in dicts(settings, "campaigns") for id_ in each["message_ids"]}
    return [
        (
            row["metric"],
            row["email_hash"],
            names[row["message_id"]],
            row["occurred_at"],
            (row["url"] or "", row["is_machine"])
            if row["metric"] in KINDS.values()
            else (row["bounce_type"] or "").lower(),
        )
        for row in dicts(settings, "events")
    ]


def test_every_event_of_the_company_arrives_once(pulled: Settings, world: World) -> None:
    company, found = world.snapshot(END), held(pulled)
    assert len(found) == len(company.email_sends) + len(company.email_activity) + len(company.email_unsubscribes)
    assert set(found) == known(company)
    assert all(row["event_day"] == row["occurred_at"].date() for row in dicts(pulled, "events"))


def test_campaigns_say_what_their_links_carry(pulled: Settings, world: World) -> None:
    frame = world.snapshot(END).email_campaigns
    found = dicts(pulled, "campaigns")
    assert sorted((row["name"], row["subject"], row["utm_campaign"], row["send_time"]) for row in found) == sorted(
        zip(frame["title"], frame["subject"], frame["utm_campaign"], frame["send_time"], strict=True)
    )
    assert {row["archived"] for row in found} == {False, True}
    lists = {row["list_id"] for row in dicts(pulled, "lists")}
    assert {id_ for row in found for id_ in row["list_ids"]} == lists


def test_profiles_are_the_members_with_their_consent(pulled: Settings, world: World) -> None:
    members = world.snapshot(END).email_members
    found = {row["email_hash"]: row for row in dicts(pulled, "profiles")}
    people = members.groupby("email").agg({"status": set, "opted_in_at": "min", "last_changed": "max"})
    assert set(found) == {HASHER.email(email) for email in people.index}
    for email, status, opted_in, changed in people.itertuples(name=None):
        row = found[HASHER.email(email)]
        assert (row["created_at"], row["updated_at"], row["archived"]) == (opted_in, changed, False)
        assert (row["consent"] == "UNSUBSCRIBED") == (status == {"unsubscribed"})
        assert (row["suppression"] == "HARD_BOUNCE") == ("cleaned" in status)
    assert {row["profile_id"] for row in dicts(pulled, "events")} <= {row["profile_id"] for row in found.values()}


def test_names_and_phones_are_never_asked_for(fresh: Settings, company: Running) -> None:
    before = len(company.requests)
    lake.pull("klaviyo", START, END, settings=fresh)
    asked = [each for each in company.requests[before:] if each.path.startswith("/klaviyo")]
    assert asked
    people = [each for each in asked if each.path.endswith(("/profiles", "/events"))]
    assert people
    for each in people:
        (fields,) = parse_qs(each.query)["fields[profile]"]
        assert set(fields.split(",")) <= {"email", "created", "updated", "subscriptions.email.marketing"}


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages so small that every listing has several."""
    for name, size in {"campaigns": 4, "events": 7, "lists": 1, "profiles": 9}.items():
        monkeypatch.setitem(api.PAGE_SIZES, name, size)


@pytest.mark.usefixtures("small_pages")
def test_pages_hang_together_whatever_host_their_links_name(
    fresh: Settings, company: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox.apis.klaviyo_rules import Query

    turned = Query._turned
    monkeypatch.setattr(
        Query, "_turned", lambda query, place: turned(query, place).replace("127.0.0.1", "klaviyo.invalid")
    )
    before = len(company.requests)
    lake.pull("klaviyo", START, END, settings=fresh)
    for declared in SOURCES["klaviyo"].tables.values():
        assert latest(fresh, declared) == truth[declared.full_name], declared.full_name
    turned_pages = [each for each in company.requests[before:] if "page%5Bcursor%5D" in each.query]
    assert {each.path.rpartition("/")[2] for each in turned_pages} == {"campaigns", "events", "lists", "profiles"}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("/events$", "empty_page", "answered an empty page though more follow"),
        ("/profiles$", "empty_page", "answered an empty page though more follow"),
        ("/profiles$", "page_repeated", "repeated a page"),
        ("/campaigns$", "page_repeated", "repeated a page"),
        ("/events$", "500", "failed at the vendor (500), 3 times"),
    ],
)
def test_a_lasting_fault_fails_the_pull_and_keeps_what_the_lake_had(
    path: str, kind: Kind, said: str, fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__KLAVIYO__MAX_ATTEMPTS", "3")
    lake.pull("klaviyo", START, END - dt.timedelta(days=30), settings=reload())
    before = {each.full_name: latest(fresh, each) for each in SOURCES["klaviyo"].tables.values()}
    monkeypatch.setenv("SOURCES__KLAVIYO__LOOKBACK_MINUTES", str(365 * 24 * 60))
    company.faults.add(Fault(path, kind, nth=2, times=1_000))
    with pytest.raises(SourceError, match=re.escape(said)) as caught:
        lake.pull("klaviyo", START, END, settings=reload())
    assert "\n" not in str(caught.value)
    assert {each.full_name: latest(fresh, each) for each in SOURCES["klaviyo"].tables.values()} == before


def test_an_answer_of_another_slice_is_not_believed(fresh: Settings, company: Running, truth: Truth) -> None:
    company.faults.add(Fault("/events$", "page_repeated", nth=2, times=1))
    lake.pull("klaviyo", START, END, settings=fresh)
    assert latest(fresh, EVENTS) == truth["klaviyo.events"]


Edit = Callable[[Snapshot], Snapshot]


@dataclass(frozen=True)
class Edited:
    """The company, as an edit of each day's snapshot shows it."""

    world: World
    edit: Edit

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def snapshot(self, until: dt.date) -> Snapshot:
        return self.edit(self.world.snapshot(until))


@pytest.fixture
def of_its_own(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dt.date, Edit], AbstractContextManager[Running]]:
    """Serves an edited company from a day on, with a fresh home that reads it."""
    from contextlib import contextmanager

    @contextmanager
    def serve(day: dt.date, edit: Edit) -> Any:
        with running(Edited(world, edit), day, home=tmp_path / "company") as company:  # type: ignore[arg-type]
            for name, value in environment(company, tmp_path / "home").items():
                monkeypatch.setenv(name, value)
            yield company

    return serve


def _late(arrives: dt.date) -> Edit:
    """Opens of 20 August that Klaviyo holds only from a day on."""

    def edit(company: Snapshot) -> Snapshot:
        activity = company.email_activity
        late = activity["at"].dt.date == dt.date(2026, 8, 20)
        return company if company.until >= arrives else replace(company, email_activity=activity[~late])

    return edit


@pytest.mark.parametrize(
    ("arrives", "end", "is_seen"),
    [
        (dt.date(2026, 8, 23), dt.date(2026, 8, 23), True),  # three days back
        (dt.date(2026, 8, 28), dt.date(2026, 8, 28), False),  # six days after the first pull: too far back
        (dt.date(2026, 8, 29), dt.date(2026, 8, 29), True),  # once in seven days it looks back thirty
    ],
)
def test_events_that_arrive_late(arrives: dt.date, end: dt.date, is_seen: bool, of_its_own: Any, world: World) -> None:
    first, day = dt.date(2026, 8, 22), dt.timedelta(days=1)
    with of_its_own(first, _late(arrives)) as company:
        settings = reload()
        lake.pull("klaviyo", START, first, settings=settings)
        for until in (end - day, end):
            company.advance(until)
            lake.pull("klaviyo", until - day, until, settings=settings)
    late = {each for each in known(world.snapshot(end)) if each[3].date() == dt.date(2026, 8, 20) and each[4]}
    assert late
    assert late.isdisjoint(held(settings)) is not is_seen


def test_the_look_back_is_a_setting(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__KLAVIYO__LOOKBACK_DAYS", "9")
    monkeypatch.setenv("SOURCES__KLAVIYO__WEEKLY_LOOKBACK_DAYS", "500")
    for end in (END, END + WEEK):
        lake.pull("klaviyo", end - dt.timedelta(days=1), end, settings=reload())
    starts = sorted(row["window_start"] for row in windows(fresh, "klaviyo", "events"))
    assert starts == [START, END - dt.timedelta(days=9)]


def test_a_second_pull_appends_no_record_it_holds(fresh: Settings) -> None:
    lake.pull("klaviyo", START, END, settings=fresh)
    again = lake.pull("klaviyo", END - dt.timedelta(days=1), END, settings=fresh)
    assert not set(again.rows) & {"profiles", "campaigns"}


def _bulk(first: str, then: str, moment: pd.Timestamp) -> Edit:
    """Two people changed at one instant; the second shows only from the last day on."""

    def edit(company: Snapshot) -> Snapshot:
        members = company.email_members
        changed = members["email"].isin([first] if company.until < END else [first, then])
        status = members["status"].mask(changed, "unsubscribed")
        return replace(
            company,
            email_members=members.assign(
                status=status,
                last_changed=members["last_changed"].mask(changed, moment).astype(members["last_changed"].dtype),
            ),
        )

    return edit


def test_a_change_that_shows_late_at_the_very_second_of_the_cursor_is_read(of_its_own: Any, world: World) -> None:
    day = END - dt.timedelta(days=1)
    once = world.snapshot(day).email_members.drop_duplicates("email", keep=False)["email"]
    first, then = once.iloc[0], once.iloc[1]
    with of_its_own(day, _bulk(first, then, pd.Timestamp(day, tz="UTC") - pd.Timedelta(hours=3))) as company:
        settings = reload()
        lake.pull("klaviyo", START, day, settings=settings)
        company.advance(END)
        result = lake.pull("klaviyo", day, END, settings=settings)
    consent = {row["email_hash"]: row["consent"] for row in dicts(settings, "profiles")}
    assert {consent[HASHER.email(each)] for each in (first, then)} == {"UNSUBSCRIBED"}
    assert result.rows["profiles"] < len(consent), "everything was read again"


def _without(email: str, gone: dt.date) -> Edit:
    """From a day on Klaviyo has a profile, and what it did, no longer."""

    def edit(company: Snapshot) -> Snapshot:
        if company.until < gone:
            return company
        frames = ("email_members", "email_sends", "email_activity", "email_unsubscribes")
        return replace(company, **{name: (frame := getattr(company, name))[frame["email"] != email] for name in frames})

    return edit


def test_a_vanished_profile_gets_a_tombstone_within_a_week(of_its_own: Any, world: World) -> None:
    first = dt.date(2026, 8, 22)
    email = world.snapshot(first).email_members["email"].iloc[0]
    with of_its_own(first, _without(email, first + dt.timedelta(days=1))) as company:
        settings = reload()
        lake.pull("klaviyo", START, first, settings=settings)
        for end, is_gone in ((first + dt.timedelta(days=1), False), (first + WEEK, True)):
            company.advance(end)
            lake.pull("klaviyo", end - dt.timedelta(days=1), end, settings=settings)
            gone = {row["email_hash"] for row in dicts(settings, "profiles") if row["archived"]}
            assert gone == ({HASHER.email(email)} if is_gone else set())
        again = lake.pull("klaviyo", end - dt.timedelta(days=1), end, settings=settings)
        assert "profiles" not in again.rows


def test_a_listing_that_loses_rows_once_makes_no_tombstone(fresh: Settings, company: Running) -> None:
    """The list of ids comes back empty, twice: a second whole list is asked before anybody is taken for gone."""
    lake.pull("klaviyo", START, END, settings=fresh)
    company.faults.add(Fault("/profiles$", "empty_page", nth=2, times=2))
    lake.pull("klaviyo", END, END + WEEK, settings=fresh)
    assert company.faults.plan[-1].fired == 2
    assert not any(row["archived"] for row in dicts(fresh, "profiles"))


@pytest.mark.parametrize("scope", ["campaigns:read", "events:read", "lists:read", "metrics:read", "profiles:read"])
def test_a_missing_scope_is_named_by_pull_and_doctor(
    scope: str, fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Credentials(klaviyo_keys={"sandbox-klaviyo-key": SCOPES - {scope}})
    monkeypatch.setattr(company.sandbox, "credentials", key)
    with pytest.raises(SourceError, match=rf"lacks a scope \(403\).*missing the required scopes: {scope}"):
        lake.pull("klaviyo", START, END, settings=fresh)
    with pytest.raises(SourceError, match=scope):
        klaviyo.check()


@pytest.mark.usefixtures("fresh")
def test_what_the_doctor_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch(r"2 lists or more, revision 2026-07-15, at http://127\.0\.0\.1:\d+/klaviyo", klaviyo.check())
    monkeypatch.setenv("SOURCES__KLAVIYO__REVISION", "2023-02-22")
    with pytest.raises(SourceError, match=r"revision was refused \(400\): set SOURCES__KLAVIYO__REVISION"):
        klaviyo.check()
    monkeypatch.delenv("SOURCES__KLAVIYO__REVISION")
    monkeypatch.setenv("SOURCES__KLAVIYO__API_KEY", "pk_mistyped")
    with pytest.raises(SourceError, match="SOURCES__KLAVIYO__API_KEY") as caught:
        klaviyo.check()
    assert "mistyped" not in str(caught.value)
    monkeypatch.delenv("SOURCES__KLAVIYO__API_KEY")
    with pytest.raises(SettingsError, match="SOURCES__KLAVIYO__API_KEY is not set"):
        klaviyo.check()


def test_an_account_that_never_sent_is_not_taken_for_one_without_events(
    fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch, truth: Truth
) -> None:
    lake.pull("klaviyo", START, END, settings=fresh)
    served = company.sandbox.view.klaviyo
    monkeypatch.setattr(served, "metrics", served.metrics[1:])
    with pytest.raises(SourceError, match="no metric 'Received Email'"):
        lake.pull("klaviyo", START, END, settings=fresh)
    assert latest(fresh, EVENTS) == truth["klaviyo.events"]


def test_a_person_is_found_by_profile_and_by_address(pulled: Settings, company: Running) -> None:
    profile = company.sandbox.view.klaviyo.profiles[0]
    address = profile["attributes"]["email"]
    by_id = identity.resolve(pulled, identity.from_id(f"klaviyo:{profile['id']}", HASHER))
    by_address = identity.resolve(pulled, identity.from_address(address, HASHER))
    own = [row for row in every_row(pulled, EVENTS) if row["email_hash"] == HASHER.email(address)]
    assert own
    for found in (by_id, by_address):
        assert {HASHER.email(address), HASHER.identifier(profile["id"])} <= found.of("hash")
        assert found.rows["klaviyo.profiles"] == 1
        assert found.rows["klaviyo.events"] == len(own)
