"""Matomo's Reporting API as Matomo's is: one path, the token in the body, errors within HTTP 200, days of the site."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pandas as pd
import pytest

from sandbox.apis.matomo_records import arrival
from sandbox.apis.matomo_rules import PLUGINS
from sandbox.apis.visitors import visitor_id
from sandbox.state import Credentials
from tests.sandbox.conftest import Client

TOKEN = "sandbox-matomo-token"
LIVE = "Live.getLastVisitsDetails"
DAY = {"idSite": "1", "period": "day", "date": "2026-08-28"}
BOSS, STRANGER = "boss", "stranger"


def call(client: Client, method: str, token: str | None = TOKEN, **parameters: str) -> httpx.Response:
    query = {"module": "API", "method": method, "format": "json"}
    form = parameters if token is None else {**parameters, "token_auth": token}
    return client.raw("POST", f"{client.server.base_url}/matomo/index.php", params=query, data=form)


def answer(client: Client, method: str, **parameters: str) -> Any:
    response = call(client, method, **parameters)
    assert response.status_code == 200, response.text
    return response.json()


def refused(response: httpx.Response, status: int = 200) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert body["result"] == "error"
    return str(body["message"])


def truth(client: Client, day: str = DAY["date"]) -> pd.DataFrame:
    sessions = client.server.sandbox.view.snapshot.observable_sessions
    local = sessions["started_at"].dt.tz_convert("Europe/Paris").dt.strftime("%Y-%m-%d")
    return sessions[local == day]


def test_the_token_counts_in_the_body_only(served: Client) -> None:
    query = {"module": "API", "method": "API.getMatomoVersion", "format": "json", "token_auth": TOKEN}
    in_url = served.raw("GET", f"{served.server.base_url}/matomo/index.php", params=query)
    assert "required to be sent as a POST parameter" in refused(in_url, 401)
    assert "required to be sent as a POST parameter" in refused(call(served, "API.getMatomoVersion", None), 401)
    assert "invalid or expired" in refused(call(served, "API.getMatomoVersion", "wrong"), 401)
    assert answer(served, "API.getMatomoVersion") == {"value": "5.3.2"}


def test_access_and_plugins_are_checked(serve: Any) -> None:
    roles = {TOKEN: "view", BOSS: "superuser", STRANGER: "none"}
    client = serve(credentials=Credentials(matomo_tokens=roles, matomo_plugins=PLUGINS - {"Live"}))
    assert "requires 'view' access for the website id = 2" in refused(call(client, "Goals.getGoals", idSite="2"), 401)
    assert "requires 'view' access" in refused(call(client, "Goals.getGoals", STRANGER, idSite="1"), 401)
    assert "unexpected website" in refused(call(client, "Goals.getGoals", BOSS, idSite="2"))
    assert "The plugin Live is not enabled" in refused(call(client, LIVE, **DAY))


def test_an_old_matomo_refuses_everything_with_200_and_writes_numbers_as_texts(serve: Any) -> None:
    client = serve(credentials=Credentials(matomo_version="4.16.1"))
    assert "invalid or expired" in refused(call(client, "Goals.getGoals", "wrong", idSite="1"))
    visit = answer(client, LIVE, **DAY)[0]
    assert isinstance(visit["idVisit"], str)
    assert isinstance(visit["visitDuration"], str)
    assert isinstance(visit["lastActionTimestamp"], int)


@pytest.mark.parametrize(
    ("method", "parameters", "said"),
    [
        ("Goals.getGoals", {}, "Please specify a value for 'idSite'"),
        ("Goals.getEverything", {"idSite": "1"}, "does not exist or is not available"),
        ("Goals.getGoals", {"idSite": "1", "orderByName": "1"}, "does not serve the parameter"),
        ("VisitsSummary.get", {"idSite": "1", "period": "day"}, "Please specify a value for 'date'"),
        ("VisitsSummary.get", {**DAY, "period": "fortnight"}, "The period 'fortnight' is not supported"),
        ("VisitsSummary.get", {**DAY, "date": "last week"}, "Date format must be"),
        ("VisitsSummary.get", {**DAY, "date": "2026-08-02,2026-08-01"}, "not a correct date range"),
        (LIVE, {**DAY, "segment": "countryCode==fr"}, "does not serve the parameter"),
        (LIVE, {**DAY, "filter_limit": "many"}, "isn't an integer"),
        (LIVE, {**DAY, "filter_offset": "-1"}, "isn't an integer"),
        ("Widgets.get", {}, "The plugin Widgets is not enabled"),
    ],
)
def test_what_matomo_refuses_comes_within_200(
    served: Client, method: str, parameters: dict[str, str], said: str
) -> None:
    assert said in refused(call(served, method, **parameters))


def test_the_site_tells_its_time_zone_and_goals(served: Client) -> None:
    site = answer(served, "SitesManager.getSiteFromId", idSite="1")
    assert (site["idsite"], site["timezone"], site["currency"]) == (1, "Europe/Paris", "EUR")
    goals = answer(served, "Goals.getGoals", idSite="1")
    assert [(each["idgoal"], each["name"]) for each in goals] == [
        (1, "generate_lead"), (2, "demo_request"), (3, "sign_up"),
    ]  # fmt: skip


def test_a_days_visits_are_the_companys(served: Client) -> None:
    sessions = truth(served)
    visits = answer(served, LIVE, **DAY, filter_limit="-1")
    assert len(visits) == len(sessions) > 5
    assert len({each["idVisit"] for each in visits}) == len(visits)

    def told(visitor: str, start: Any, seconds: Any, pages: Any) -> tuple[Any, ...]:
        return visitor, int(start), int(seconds), int(pages)

    expected = Counter(
        told(visitor_id(row.client_id), row.started_at.timestamp(), row.engagement_ms // 1000, row.page_views)
        for row in sessions.itertuples()
    )
    assert expected == Counter(
        told(each["visitorId"], each["firstActionTimestamp"], each["visitDuration"], each["actions"]) for each in visits
    )
    for each in visits:
        pages = [action for action in each["actionDetails"] if action["type"] == "action"]
        assert len(pages) == each["actions"]
        assert {action["timestamp"] for action in pages} <= {
            *range(each["firstActionTimestamp"], each["lastActionTimestamp"] + 1)
        }
        assert each["serverTimestamp"] == each["lastActionTimestamp"]
        local = pd.Timestamp(each["lastActionTimestamp"], unit="s", tz="Europe/Paris")
        assert local.strftime("%Y-%m-%d") == DAY["date"]


def test_visits_are_paged_by_their_last_action(served: Client) -> None:
    whole = answer(served, LIVE, **DAY, filter_limit="-1", filter_sort_order="asc")
    moments = [each["lastActionTimestamp"] for each in whole]
    assert moments == sorted(moments)
    assert answer(served, LIVE, **DAY, filter_limit="-1") == whole[::-1]
    assert answer(served, LIVE, **DAY) == whole[::-1][:10]
    pages = [
        answer(served, LIVE, **DAY, filter_limit="7", filter_offset=str(offset), filter_sort_order="asc")
        for offset in range(0, len(whole) + 7, 7)
    ]
    assert [each for page in pages for each in page] == whole
    assert answer(served, LIVE, **DAY, filter_offset="9999") == []
    newest = answer(served, LIVE, idSite="1", filter_limit="1")
    assert newest[0]["lastActionTimestamp"] == max(
        each["lastActionTimestamp"] for each in answer(served, LIVE, **{**DAY, "date": "2026-08-31"}, filter_limit="-1")
    )


def test_columns_are_chosen(served: Client) -> None:
    shown = answer(served, LIVE, **DAY, showColumns="idVisit,visitorId")
    assert {name for each in shown for name in each} == {"idVisit", "visitorId"}
    everything = answer(served, LIVE, **DAY)[0]
    assert {"visitIp", "city", "userId", "campaignSource"} <= set(everything)
    assert "visitIp" not in answer(served, LIVE, **DAY, hideColumns="visitIp,city")[0]


def test_campaigns_need_their_plugin(serve: Any) -> None:
    client = serve(credentials=Credentials(matomo_plugins=PLUGINS - {"MarketingCampaignsReporting"}))
    visits = answer(client, LIVE, **DAY, filter_limit="-1")
    assert not any(name.startswith("campaign") for each in visits for name in each)
    assert {each["referrerName"] for each in visits if each["referrerType"] == "campaign"} >= {"brand-search"}


@pytest.mark.parametrize(
    ("session", "told"),
    [
        (("(direct)", "(none)", None), ("direct", "", "", "", "")),
        (("google", "organic", None), ("search", "Google", "", "", "")),
        (("linkedin", "social", None), ("social", "LinkedIn", "", "", "")),
        (("g2.com", "referral", None), ("website", "g2.com", "", "", "")),
        (("google", "cpc", "brand-search"), ("campaign", "brand-search", "google", "cpc", "brand-search")),
        (("x", "social", "launch-week"), ("campaign", "launch-week", "x", "social", "launch-week")),
        (("news", "email", None), ("campaign", "news", "news", "email", "")),
    ],
)
def test_how_a_visit_came_is_told_as_matomo_would(session: tuple[str, str, str | None], told: tuple[str, ...]) -> None:
    came = arrival(*session)
    assert (came.type, came.name, came.source, came.medium, came.campaign) == told


def test_daily_reports_count_the_visits(served: Client) -> None:
    span = {"idSite": "1", "period": "day", "date": "2026-08-28,2026-09-02"}
    totals = answer(served, "VisitsSummary.get", **span)
    kinds = answer(served, "Referrers.getReferrerType", **span)
    assert list(totals) == list(kinds) == [f"2026-08-{day}" for day in (28, 29, 30, 31)] + ["2026-09-01", "2026-09-02"]
    for day in list(totals)[:4]:
        sessions = truth(served, day)
        assert totals[day]["nb_visits"] == len(sessions)
        assert totals[day]["nb_uniq_visitors"] == sessions["client_id"].nunique()
        assert totals[day]["nb_actions"] == sessions["page_views"].sum()
        assert totals[day]["nb_visits_converted"] == sessions["key_event"].notna().sum()
        assert sum(each["nb_visits"] for each in kinds[day]) == len(sessions)
        direct = {each["segment"]: each["nb_visits"] for each in kinds[day]}["referrerType==direct"]
        assert direct == (sessions["medium"] == "(none)").sum()
    # Nothing has happened yet on the days to come.
    assert totals["2026-09-01"] == kinds["2026-09-02"] == []
    assert answer(served, "VisitsSummary.get", **DAY) == totals["2026-08-28"]


def test_goals_are_converted_once_per_key_event_and_sloppy_forms_leak_addresses(served: Client) -> None:
    snapshot = served.server.sandbox.view.snapshot
    whole = {"idSite": "1", "period": "range", "date": "2026-03-01,2026-08-31", "filter_limit": "-1"}
    visits = answer(served, LIVE, **whole, showColumns="actionDetails,goalConversions")
    goals = [each for visit in visits for each in visit["actionDetails"] if each["type"] == "goal"]
    assert (
        Counter(each["goalName"] for each in goals)
        == snapshot.observable_sessions["key_event"].value_counts().to_dict()
    )
    assert sum(visit["goalConversions"] for visit in visits) == len(goals) > 0
    assert any("email=" in each["url"] and "%40" in each["url"] for each in goals)


def test_late_visits_show_when_they_arrive_under_the_id_they_keep(serve: Any, served: Client) -> None:
    sessions = served.server.sandbox.view.snapshot.observable_sessions
    days = sessions["started_at"].dt.tz_convert("Europe/Paris").dt.tz_localize(None).dt.normalize()
    late = sessions["arrives_on"] > days + pd.Timedelta(days=1)
    began = days[late].iloc[-1]
    day = began.strftime("%Y-%m-%d")
    now = answer(served, LIVE, **{**DAY, "date": day}, filter_limit="-1", showColumns="idVisit")
    client = serve(until=(began + pd.Timedelta(days=1)).date())
    before = answer(client, LIVE, **{**DAY, "date": day}, filter_limit="-1", showColumns="idVisit")
    assert {each["idVisit"] for each in before} < {each["idVisit"] for each in now}
