"""What Matomo's visits become: the company's truth row by row, closed days, pages that lie, what to mend."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from ingestion import lake
from ingestion.errors import SettingsError, SourceError
from ingestion.privacy import Hasher
from ingestion.registry import SOURCES, table
from ingestion.settings import Settings, reload
from ingestion.sources import matomo
from ingestion.sources.matomo import api
from ingestion.sources.matomo.rows import instant
from ingestion.streams import Rows, Window
from sandbox.apis import matomo as imitation
from sandbox.apis.answers import texts
from sandbox.apis.matomo_rules import PLUGINS
from sandbox.apis.visitors import visitor_id
from sandbox.faults import Fault
from sandbox.server import Running, running
from sandbox.state import Credentials
from sandbox.world import World
from tests.fuzz.feeding import Offline
from tests.ingestion.conftest import END, HASH_KEY, START, environment
from tests.ingestion.lake_reader import latest, rows, windows

VISITS, CONVERSIONS = table("matomo.visits"), table("matomo.goal_conversions")
TRAFFIC, GOALS = table("matomo.daily_traffic"), table("matomo.goals")
HASHER = Hasher(HASH_KEY)
LAST = END - dt.timedelta(days=1)
TOKEN = "sandbox-matomo-token"
LIVE = "Live.getLastVisitsDetails"
TAGS = ("source", "medium", "campaign", "content")
Truth = dict[str, list[tuple[object, ...]]]


def pull(settings: Settings, start: dt.date = LAST, end: dt.date = END) -> lake.Pull:
    return lake.pull("matomo", start, end, settings=settings)


def observed(world: World) -> pd.DataFrame:
    sessions = world.snapshot(END).observable_sessions
    return sessions.assign(day=sessions["started_at"].dt.tz_convert("Europe/Paris").dt.date)


@pytest.fixture
def other(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Settings]]:
    """A company of one's own: `other(matomo_version=…)` gives the settings of a fresh home that reads it."""
    opened = []

    def start(**credentials: Any) -> Settings:
        served = running(world, END, home=tmp_path / "company", credentials=Credentials(**credentials))
        opened.append(served)
        for name, value in environment(served.__enter__(), tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        return reload()

    yield start
    for served in opened:
        served.__exit__(None, None, None)
    reload()


def test_every_visit_is_the_companys(pulled: Settings, world: World) -> None:
    expected = Counter(
        (
            each.day, visitor_id(each.client_id), each.started_at.to_pydatetime().replace(microsecond=0),
            HASHER.identifier(each.user_id) if isinstance(each.user_id, str) else None, each.landing_page,
            each.page_views, each.engagement_ms // 1000, each.country.lower(), int(isinstance(each.key_event, str)),
        )
        for each in observed(world).itertuples()
    )  # fmt: skip
    names = (
        "visit_date", "client_id", "started_at", "user_id_hash", "landing_page", "page_views", "duration_seconds",
        "country", "key_events",
    )  # fmt: skip
    assert Counter(tuple(row[name] for name in names) for row in rows(pulled, VISITS)) == expected
    assert any(row["user_id_hash"] for row in rows(pulled, VISITS))


def test_where_visits_came_from_is_kept_as_matomo_tells_it(pulled: Settings, world: World) -> None:
    sessions = observed(world)
    tagged = sessions[sessions["campaign"].notna()]
    expected = Counter(zip(*(texts(tagged[name]) for name in TAGS), strict=True))
    found = rows(pulled, VISITS)
    campaigns = [row for row in found if row["referrer_type"] == "campaign"]
    assert Counter(tuple(row[name] for name in TAGS) for row in campaigns) == expected
    untagged = sessions[sessions["campaign"].isna()]["medium"].value_counts()
    kinds = Counter(row["referrer_type"] for row in found)
    assert kinds["direct"] == untagged["(none)"]
    assert kinds["search"] == untagged["organic"]
    assert {row["source"] for row in found if row["referrer_type"] != "campaign"} == {None}


def test_conversions_are_the_companys_key_events(pulled: Settings, world: World) -> None:
    sessions = observed(world).dropna(subset=["key_event"])
    expected = Counter(zip(sessions["day"], sessions["client_id"].map(visitor_id), sessions["key_event"], strict=True))
    found = rows(pulled, CONVERSIONS)
    assert Counter((row["visit_date"], row["client_id"], row["goal_name"]) for row in found) == expected
    names = {row["goal_id"]: row["name"] for row in rows(pulled, GOALS)}
    assert all(names[row["goal_id"]] == row["goal_name"] and row["is_key"] for row in found)
    pages = {row["page"] for row in found}
    assert any("email=(address)" in page for page in pages)
    assert not any("%40" in page or "@" in page for page in pages)


def test_daily_totals_reconcile_the_visits(pulled: Settings) -> None:
    traffic = {row["report_date"]: row for row in rows(pulled, TRAFFIC)}
    assert sorted(traffic) == [START + dt.timedelta(days=each) for each in range((END - START).days)]
    visits = rows(pulled, VISITS)
    counted = Counter(row["visit_date"] for row in visits)
    kinds = Counter((row["visit_date"], row["referrer_type"]) for row in visits)
    for day, row in traffic.items():
        assert row["visits"] == counted[day]
        for kind in ("direct", "search", "website", "campaign", "social"):
            assert row[f"{kind}_visits"] == kinds[day, kind]


def test_only_what_is_needed_is_asked_for(fresh: Settings, company: Running) -> None:
    before = len(company.requests)
    pull(fresh)
    sent = company.requests[before:]
    assert {each.method for each in sent} == {"POST"}
    assert not any(TOKEN in f"{each.path}{each.query}" for each in sent)
    asked = [each.body.decode() for each in sent if "getLastVisitsDetails" in each.path]
    assert asked
    for body in asked:
        assert "showColumns=" in body
        assert not any(word in body for word in ("visitIp", "city", "latitude", "referrerUrl"))


@pytest.mark.parametrize("rows_a_page", ["1", "7", "26"])
def test_pages_of_any_size_make_the_same_days(
    rows_a_page: str, fresh: Settings, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """26 is the number of visits of one of the days: its last page is empty."""
    monkeypatch.setenv("SOURCES__MATOMO__PAGE_ROWS", rows_a_page)
    pull(reload(), dt.date(2026, 8, 29))
    first = END - dt.timedelta(days=4)
    assert 26 in Counter(row["visit_date"] for row in rows(fresh, VISITS)).values()
    for declared in (VISITS, CONVERSIONS):
        expected = [row for row in truth[declared.full_name] if isinstance(row[0], dt.date) and row[0] >= first]
        assert latest(fresh, declared) == expected


@pytest.mark.parametrize(("kind", "nth"), [("page_repeated", 3), ("empty_page", 2), ("empty_page", 3)])
def test_a_page_that_lies_within_a_day_leaves_no_trace(
    kind: Any, nth: int, fresh: Settings, company: Running, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__MATOMO__PAGE_ROWS", "10")
    monkeypatch.setenv("SOURCES__MATOMO__LOOKBACK_DAYS", "0")
    monkeypatch.setenv("SOURCES__MATOMO__CONCURRENT_DAYS", "1")
    fault = Fault("getLastVisitsDetails$", kind, nth=nth)
    company.faults.add(fault)
    pull(reload())
    assert fault.fired == 1
    assert latest(fresh, VISITS) == [row for row in truth["matomo.visits"] if row[0] == LAST]


@pytest.mark.parametrize(
    ("kind", "requests", "said"),
    [
        # Numbers of requests: a repeated page ends a reading, after an empty one the newest visit is asked for.
        ("page_repeated", range(2, 9, 2), "repeated a page"),
        ("empty_page", range(2, 12, 3), "answered 10 of 24 visits"),
    ],
)
def test_pages_that_go_on_lying_fail_the_pull(
    kind: Any, requests: range, said: str, fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first page of the day is right, the second never."""
    monkeypatch.setenv("SOURCES__MATOMO__PAGE_ROWS", "10")
    monkeypatch.setenv("SOURCES__MATOMO__LOOKBACK_DAYS", "0")
    company.faults.add(*(Fault("getLastVisitsDetails$", kind, nth=nth) for nth in requests))
    with pytest.raises(SourceError, match=said):
        pull(reload())
    assert windows(fresh, "matomo", "visits") == []


def test_visits_deleted_in_matomo_do_not_stop_a_pull(
    fresh: Settings, company: Running, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Erasing a person there takes visits out of the log; the archived report goes on counting them."""
    held = company.sandbox.view.site
    totals = held.totals
    monkeypatch.setattr(held, "totals", lambda day: {**totals(day), "nb_visits": totals(day)["nb_visits"] + 3})
    pull(fresh)
    counted = Counter(row["visit_date"] for row in rows(fresh, VISITS))
    assert counted[LAST] == (observed(world)["day"] == LAST).sum()


def test_days_whose_visits_matomo_deleted_are_named_and_left_alone(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(fresh)
    before, kept = latest(fresh, VISITS), END - dt.timedelta(days=2)
    monkeypatch.setitem(imitation.METHODS, LIVE, lambda call: imitation.visits(call) if call.days()[0] >= kept else [])
    with pytest.raises(SourceError, match="set SOURCES__MATOMO__LOG_RETENTION_DAYS"):
        pull(fresh)
    today = dt.datetime.now(tz=ZoneInfo("Europe/Paris")).date()
    monkeypatch.setenv("SOURCES__MATOMO__LOG_RETENTION_DAYS", str((today - kept).days + 1))
    pull(reload())
    assert newest_window(fresh, "visits") == newest_window(fresh, "goal_conversions") == (kept, END)
    assert newest_window(fresh, "daily_traffic") == (END - dt.timedelta(days=4), END)
    assert latest(fresh, VISITS) == before


def newest_window(settings: Settings, name: str) -> tuple[dt.date, dt.date]:
    newest = max(windows(settings, "matomo", name), key=lambda row: float(row["_dlt_load_id"]))
    return newest["window_start"], newest["window_end"]


@pytest.mark.parametrize(
    ("pulled_at", "settle_minutes", "end"),
    [
        ("2026-09-01T00:59:59+02:00", "60", LAST),
        ("2026-09-01T01:00:00+02:00", "60", END),
        ("2026-08-31T23:00:00+00:00", "60", END),
        ("2026-09-01T01:00:00+02:00", "61", LAST),
        ("2026-08-30T12:00:00+02:00", "60", dt.date(2026, 8, 30)),
        ("2026-08-20T12:00:00+02:00", "60", None),
    ],
)
def test_a_day_is_read_once_it_has_settled(
    pulled_at: str, settle_minutes: str, end: dt.date | None, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull that begins while a day goes on, or shortly after, ends before that day, by the site's clock."""
    monkeypatch.setenv("SOURCES__MATOMO__SETTLE_MINUTES", settle_minutes)
    moment = dt.datetime.fromisoformat(pulled_at).astimezone(dt.UTC)
    context = Offline(SOURCES["matomo"], LAST, END, moment, HASHER, fresh)
    items = [*matomo.connect(context).streams["days"]()]
    start = END - dt.timedelta(days=4)
    assert {(each.start, each.end) for each in items if isinstance(each, Window)} == ({(start, end)} if end else set())
    days = {
        row["visit_date"] for each in items if isinstance(each, Rows) and each.table == "visits" for row in each.rows
    }
    assert days == {start + dt.timedelta(days=each) for each in range((end - start).days if end else 0)}


def test_late_visits_replace_their_day(fresh: Settings, company: Running, truth: Truth) -> None:
    try:
        company.advance(END - dt.timedelta(days=2))
        pull(fresh, START, END - dt.timedelta(days=2))
        early = len(rows(fresh, VISITS))
    finally:
        company.advance(END)
    pull(fresh, END - dt.timedelta(days=2))
    assert latest(fresh, VISITS) == truth["matomo.visits"]
    spans = {(row["window_start"], row["window_end"]) for row in windows(fresh, "matomo", "visits")}
    assert spans == {(START, END - dt.timedelta(days=2)), (END - dt.timedelta(days=5), END)}, "as two pulls would"
    assert early < len(truth["matomo.visits"])


def test_once_a_week_a_month_is_read_again(fresh: Settings) -> None:
    """Pulls at whose ends that is not due read four days again; the second makes up for days missed."""
    day, first = dt.timedelta(days=1), END - dt.timedelta(days=7)
    for end, start in ((first, first - 4 * day), (LAST, first - 3 * day), (END, END - 30 * day), (END, END - 4 * day)):
        pull(fresh, end - day, end)
        assert newest_window(fresh, "visits") == newest_window(fresh, "daily_traffic") == (start, end)


def test_an_old_matomo_gives_the_same_rows(other: Callable[..., Settings], truth: Truth) -> None:
    """Numbers as texts, every refusal with HTTP 200."""
    pull(other(matomo_version="4.16.1"), START)
    for declared in (VISITS, CONVERSIONS, TRAFFIC, GOALS):
        assert latest(reload(), declared) == truth[declared.full_name], declared.full_name


@pytest.mark.parametrize("version", ["4.16.1", "5.3.2"])
@pytest.mark.parametrize(
    ("credentials", "setting", "said"),
    [
        ({}, ("API_KEY", "a wrong secret"), "set SOURCES__MATOMO__API_KEY"),
        ({}, ("SITE_ID", "2"), "lacks access to site 2: give it the role view"),
        ({"matomo_tokens": {TOKEN: "none"}}, None, "lacks access to site 1: give it the role view"),
        (
            {"matomo_tokens": {TOKEN: "superuser"}},
            ("SITE_ID", "2"),
            "site 2 does not exist: check SOURCES",
        ),
        ({"matomo_plugins": PLUGINS - {"Live"}}, None, "the plugin Live is off"),
        ({"matomo_plugins": PLUGINS - {"Goals"}}, None, "the plugin Goals is off"),
        ({"matomo_plugins": PLUGINS - {"VisitsSummary"}}, None, "the plugin VisitsSummary is off"),
        ({"matomo_plugins": PLUGINS - {"Referrers"}}, None, "the plugin Referrers is off"),
    ],
)
def test_a_refusal_within_200_or_401_names_the_mend(
    version: str,
    credentials: dict[str, Any],
    setting: tuple[str, str] | None,
    said: str,
    other: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = other(matomo_version=version, **credentials)
    if setting is not None:
        monkeypatch.setenv(f"SOURCES__MATOMO__{setting[0]}", setting[1])
    for refused in (lambda: pull(settings), matomo.check):
        with pytest.raises(SourceError) as caught:
            refused()
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value)
    assert windows(settings, "matomo", "visits") == []


def test_an_error_is_found_in_an_object_and_in_a_list() -> None:
    error = {"result": "error", "message": "no"}
    assert api.error_of(error) == api.error_of({api.ROWS: [error]}) == "no"
    assert api.error_of({"value": "5.3.2"}) is None
    assert api.error_of({api.ROWS: []}) is None
    assert api.error_of({api.ROWS: [{"idVisit": 1}]}) is None


def test_an_unknown_error_is_asked_again_and_told_without_the_token(
    fresh: Settings, company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [imitation.bad(f"SQLSTATE[HY000] 2006 gone away\n token {TOKEN}") for _ in range(2)]
    monkeypatch.setitem(imitation.METHODS, "Goals.getGoals", _failing(said))
    pull(fresh)
    assert said == []
    said += [imitation.bad(f"SQLSTATE[HY000] 2006 gone away\n token {TOKEN}") for _ in range(9)]
    with pytest.raises(SourceError, match=r"Goals\.getGoals failed \(Matomo says: SQLSTATE.* 4 times") as caught:
        pull(fresh)
    assert TOKEN not in str(caught.value)


def _failing(said: list[Any]) -> Any:
    def goals(call: Any) -> Any:
        if said:
            raise said.pop()
        return imitation.goals(call)

    return goals


def test_goals_that_count_are_a_setting(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__MATOMO__KEY_GOALS", "Sign_Up, 2")
    pull(reload(), START)
    assert {row["name"]: row["is_key"] for row in rows(fresh, GOALS)} == {
        "generate_lead": False, "demo_request": True, "sign_up": True,
    }  # fmt: skip
    visits, converted = rows(fresh, VISITS), rows(fresh, CONVERSIONS)
    assert sum(row["conversions"] for row in visits) == len(converted)
    assert sum(row["key_events"] for row in visits) == sum(row["is_key"] for row in converted) > 0
    assert {row["goal_name"] for row in converted if not row["is_key"]} == {"generate_lead"}
    monkeypatch.setenv("SOURCES__MATOMO__KEY_GOALS", "sign_up,purchase")
    for refused in (lambda: pull(reload()), matomo.check):
        with pytest.raises(SettingsError, match=r"KEY_GOALS names purchase, .* its goals: demo_request, generate_lead"):
            refused()


def test_orders_and_deleted_goals_are_conversions_and_carts_are_none() -> None:
    at = 1_780_300_000
    row = {
        "idVisit": "7", "visitorId": False, "userId": None, "firstActionTimestamp": at, "lastActionTimestamp": at + 9,
        "actions": "2", "visitDuration": "9", "truncatedActionsCount": None, "countryCode": "fr",
        "actionDetails": [
            {"type": "event", "url": "https://a.example/x", "timestamp": at},
            {"type": "action", "url": "https://a.example/y", "timestamp": at},
            {"type": "action", "url": "https://a.example/z?gclid=Cj1", "timestamp": at},
            {"type": "ecommerceOrder", "orderId": "A1", "revenue": "12.50", "timestamp": at},
            {"type": "ecommerceAbandonedCart", "revenue": 5, "timestamp": at},
            {"type": "goal", "goalId": None, "goalName": None, "revenue": 0, "timestamp": at},
            {"type": "goal", "goalId": "3", "goalName": "sign_up", "revenue": "", "timestamp": at},
            {"type": "goal", "goalId": 3, "goalName": "sign_up", "revenue": 1, "timestamp": at},
        ],
    }  # fmt: skip
    found = [*matomo.rows.conversions(LAST, row, lambda goal, _name: goal in ("order", "3"))]
    assert [(each["goal_id"], each["order_id"], each["ordinal"], each["is_key"]) for each in found] == [
        ("order", "A1", 0, True), ("deleted", None, 0, False), ("3", None, 0, True), ("3", None, 1, True),
    ]  # fmt: skip
    assert [None if each["revenue"] is None else str(each["revenue"]) for each in found] == ["12.50", "0", None, "1"]
    visit = matomo.rows.visit(LAST, row, found)
    assert (visit["visit_id"], visit["client_id"], visit["landing_page"]) == (7, None, "https://a.example/y")
    assert visit["click_id"] is None
    assert (visit["page_views"], visit["conversions"], visit["key_events"]) == (2, 4, 3)
    clicked = {
        **row,
        "actionDetails": [{**row["actionDetails"][1], "url": "https://a.example/y?a=1&msclkid=b&fbclid=c"}],
    }
    assert matomo.rows.visit(LAST, clicked, [])["click_id"] == "fbclid"
    assert matomo.rows.visit(LAST, {**row, "actions": 600, "truncatedActionsCount": 100}, [])["page_views"] == 600


def test_the_doctor_names_version_site_and_a_missing_plugin(other: Callable[..., Settings], fresh: Settings) -> None:
    assert "Matomo 5.3.2 at http://127.0.0.1" in matomo.check()
    assert "site 1 (Europe/Paris), 3 goals" in matomo.check()
    assert "plugin" not in matomo.check()
    other(matomo_plugins=PLUGINS - {"MarketingCampaignsReporting"})
    assert matomo.check().endswith("the plugin MarketingCampaignsReporting is not installed")


def test_campaigns_without_their_plugin_keep_their_name(other: Callable[..., Settings], world: World) -> None:
    settings = other(matomo_plugins=PLUGINS - {"MarketingCampaignsReporting"})
    pull(settings, START)
    campaigns = [row for row in rows(settings, VISITS) if row["referrer_type"] == "campaign"]
    assert Counter(row["referrer_name"] for row in campaigns) == observed(world)["campaign"].value_counts().to_dict()
    assert {(row["source"], row["medium"], row["campaign"]) for row in campaigns} == {(None, None, None)}


@pytest.mark.parametrize(
    ("name", "offset"), [("Europe/Paris", 2.0), ("UTC", 0.0), ("UTC+1", 1.0), ("UTC-5.5", -5.5), ("UTC+5.75", 5.75)]
)
def test_a_sites_time_zone_may_be_an_offset(name: str, offset: float) -> None:
    summer = dt.datetime(2026, 7, 1, tzinfo=api.zone_of(name))
    assert summer.utcoffset() == dt.timedelta(hours=offset)


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "x" * 300, ""])
def test_a_zone_that_is_none_is_said(name: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)zone"):
        api.zone_of(name)


@pytest.mark.parametrize("seconds", [10**12, -(10**17), 10**20, "soon"])
def test_an_instant_in_no_year_is_said(seconds: object) -> None:
    with pytest.raises(ValueError):
        instant(seconds)


@pytest.mark.parametrize(
    ("setting", "value"), [("SETTLE_MINUTES", "5"), ("PAGE_ROWS", "0"), ("SITE_ID", "0"), ("CONCURRENT_DAYS", "99")]
)
def test_settings_outside_their_range_are_named(
    setting: str, value: str, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SOURCES__MATOMO__{setting}", value)
    with pytest.raises(SettingsError, match=f"SOURCES__MATOMO__{setting} is not usable"):
        pull(fresh)


@pytest.mark.parametrize("setting", ["BASE_URL", "API_KEY", "SITE_ID"])
def test_required_settings_are_named(setting: str, fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"SOURCES__MATOMO__{setting}")
    with pytest.raises(SettingsError, match=f"SOURCES__MATOMO__{setting} is not set"):
        pull(fresh)
