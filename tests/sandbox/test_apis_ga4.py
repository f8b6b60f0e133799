"""GA4's Data API as Google's is, and the export it must reconcile with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from sandbox.apis.ga4_sessions import observed
from sandbox.corrupt import Corruption
from sandbox.export import events
from sandbox.limits import FAST
from tests.sandbox.conftest import UNTIL, Client

DAILY = ("date", "sessionSource", "sessionMedium", "sessionCampaignName", "sessionDefaultChannelGroup")
COUNTS = ("sessions", "engagedSessions", "totalUsers", "keyEvents")


def refused(response: httpx.Response, code: int, status: str) -> str:
    assert response.status_code == code, response.text
    error = response.json()["error"]
    assert (error["code"], error["status"]) == (code, status)
    return str(error["message"])


def values(report: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        tuple(each["value"] for each in [*row["dimensionValues"], *row["metricValues"]])
        for row in report.get("rows", [])
    ]


def test_token_and_property_are_checked(served: Client) -> None:
    url = f"{served.server.ga4_url}/v1beta/properties/123456789/metadata"
    refused(served.raw("GET", url), 401, "UNAUTHENTICATED")
    refused(served.ga4("/metadata", property_id="1"), 403, "PERMISSION_DENIED")
    refused(served.raw("GET", f"{served.server.ga4_url}/v1alpha/x"), 404, "NOT_FOUND")


def test_metadata_names_every_field_a_report_accepts(served: Client) -> None:
    metadata = served.ga4("/metadata").json()
    dimensions = [each["apiName"] for each in metadata["dimensions"]]
    metrics = [each["apiName"] for each in metadata["metrics"]]
    assert {*DAILY, "landingPagePlusQueryString"} <= set(dimensions)
    for name in dimensions:
        assert served.report((name,)).json()["rowCount"] > 0, name
    types = {each["name"]: each["type"] for each in served.report((), tuple(metrics[:10])).json()["metricHeaders"]}
    assert types["sessions"] == "TYPE_INTEGER"


def test_the_daily_report_counts_the_observed_sessions(served: Client) -> None:
    snapshot = served.server.sandbox.view.snapshot
    sessions = snapshot.observable_sessions
    report = served.report(DAILY, COUNTS).json()
    rows = values(report)
    assert sum(int(row[5]) for row in rows) == len(sessions)
    assert sum(float(row[8]) for row in rows) == sessions["key_event"].notna().sum()
    days = sessions["started_at"].dt.tz_convert("Europe/Paris").dt.strftime("%Y%m%d")
    per_day: dict[str, int] = {}
    for row in rows:
        per_day[row[0]] = per_day.get(row[0], 0) + int(row[5])
    assert per_day == days.value_counts().to_dict()
    users = served.report((), ("totalUsers",)).json()
    assert values(users) == [(str(sessions["client_id"].nunique()),)]
    assert report["metadata"] == {"currencyCode": "EUR", "timeZone": "Europe/Paris"}
    assert report["kind"] == "analyticsData#runReport"
    direct = {row[3:5] for row in rows if row[1] == "(direct)"}
    assert direct == {("(direct)", "Direct")}


def test_pages_are_slices_of_one_order(served: Client) -> None:
    whole = values(served.report(DAILY, COUNTS).json())
    pages, count = [], 1
    while len(pages) < count:
        page = served.report(DAILY, COUNTS, limit="400", offset=str(len(pages))).json()
        count = page["rowCount"]
        pages += values(page)
    assert pages == whole
    assert "rows" not in served.report(DAILY, COUNTS, offset=str(count)).json()
    by_day = served.report(("date",), orderBys=[{"dimension": {"dimensionName": "date"}}]).json()
    assert values(by_day) == sorted(values(by_day))


def test_an_empty_range_says_why(served: Client) -> None:
    report = served.report(("date",), dateRanges=[{"startDate": "2020-01-01", "endDate": "2020-01-31"}]).json()
    assert report["rowCount"] == 0
    assert report["metadata"]["emptyReason"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 100}, {"limit": "0"}, {"offset": 0}, {"offset": "-1"}, {"limit": "many"}, {"dateRanges": []},
        {"dateRanges": [{"startDate": "2026-08-02", "endDate": "2026-08-01"}]},
        {"dateRanges": [{"startDate": "2026-02-30", "endDate": "2026-03-01"}]},
        {"dateRanges": [{"startDate": "last week", "endDate": "today"}]},
        {"metrics": []}, {"metrics": [{"name": "conversions"}]}, {"dimensions": [{"name": "clientId"}]},
        {"dimensions": [{"name": "date"}] * 2}, {"dimensions": ["date"]}, {"metrics": [{"expression": "sessions/2"}]},
        {"dimensionFilter": {"filter": {"fieldName": "date"}}}, {"unknownField": 1},
        {"orderBys": [{"metric": {"metricName": "totalUsers"}}]}, {"currencyCode": "USD"}, {"property": "properties/1"},
    ],
)  # fmt: skip
def test_a_report_refuses_what_google_refuses(served: Client, wrong: dict[str, Any]) -> None:
    refused(served.report(**wrong), 400, "INVALID_ARGUMENT")


def test_relative_dates_are_the_propertys(served: Client) -> None:
    asked = served.report(("date",), dateRanges=[{"startDate": "7daysAgo", "endDate": "yesterday"}]).json()
    assert {row[0] for row in values(asked)} <= {f"202608{day}" for day in range(25, 32)}


def test_batches_hold_up_to_five_reports(served: Client) -> None:
    one = {"dateRanges": [{"startDate": "2026-03-01", "endDate": "2026-08-31"}], "metrics": [{"name": "sessions"}]}
    answer = served.ga4(":batchRunReports", {"requests": [one, one]}).json()
    assert answer["kind"] == "analyticsData#batchRunReports"
    assert answer["reports"][0]["rows"] == answer["reports"][1]["rows"]
    refused(served.ga4(":batchRunReports", {"requests": [one] * 6}), 400, "INVALID_ARGUMENT")


def test_tokens_run_out(serve: Any) -> None:
    client = serve(limits=replace(FAST, ga4_tokens_per_hour=10))
    first = client.report(returnPropertyQuota=True).json()["propertyQuota"]["tokensPerHour"]
    assert first["consumed"] + first["remaining"] == 10
    client.report()
    assert "tokens per hour" in refused(client.report(), 429, "RESOURCE_EXHAUSTED")


def test_quality_flags_can_be_set(serve: Any) -> None:
    marks = [Corruption("ga4.daily_traffic", kind) for kind in ("thresholded", "other_row", "sampled")]
    metadata = serve(corrupt=marks).report().json()["metadata"]
    assert metadata["subjectToThresholding"] is True
    assert metadata["dataLossFromOtherRow"] is True
    assert int(metadata["samplingMetadatas"][0]["samplesReadCount"]) > 0


def parameter(event: dict[str, Any], key: str) -> Any:
    value = next((each["value"] for each in event["event_params"] if each["key"] == key), {})
    return next((each for each in value.values() if each is not None), None)


def test_the_export_holds_the_same_sessions_as_the_reports(serve: Any, tmp_path: Path) -> None:
    client = serve(home=tmp_path)
    folder = Path(client.server.env["SOURCES__GA4__EXPORT_URL"])
    report = {row[0]: row[1:] for row in values(client.report(("date",), COUNTS).json())}
    assert {file.name for file in folder.iterdir()} == {f"events_{day}.parquet" for day in report}
    for file in sorted(folder.iterdir())[::9]:
        events = pq.read_table(file).to_pylist()
        day = file.stem.removeprefix("events_")
        assert {event["event_date"] for event in events} == {day}
        sessions = {(event["user_pseudo_id"], parameter(event, "ga_session_id")) for event in events}
        engaged = {
            (event["user_pseudo_id"], parameter(event, "ga_session_id"))
            for event in events
            if parameter(event, "session_engaged") == "1"
        }
        keyed = [event for event in events if event["event_name"] in ("generate_lead", "demo_request", "sign_up")]
        clients = {event["user_pseudo_id"] for event in events}
        assert tuple(map(float, report[day])) == (len(sessions), len(engaged), len(clients), len(keyed))
        entrances = [event for event in events if parameter(event, "entrances") == 1]
        assert len(entrances) == len(sessions)
        assert all(event["event_name"] == "page_view" for event in entrances)


def test_a_page_names_the_one_before_it_and_an_ad_marks_its_links(serve: Any, tmp_path: Path) -> None:
    folder = Path(serve(home=tmp_path).server.env["SOURCES__GA4__EXPORT_URL"])
    views: dict[tuple[str, Any], list[dict[str, Any]]] = {}
    for event in pq.read_table(folder).to_pylist():
        if event["event_name"] == "page_view":
            views.setdefault((event["user_pseudo_id"], parameter(event, "ga_session_id")), []).append(event)
    led = {}
    for session in views.values():
        pages, before = ([parameter(event, name) for event in session] for name in ("page_location", "page_referrer"))
        assert before[1:] == pages[:-1]
        traffic = session[0]["session_traffic_source_last_click"]["manual_campaign"]
        led[traffic["source"], traffic["medium"]] = before[0]
        gclid = (session[0]["collected_traffic_source"] or {}).get("gclid")
        assert ("gclid=" in pages[0]) == (traffic["source"] == "google" and traffic["medium"] in ("cpc", "display"))
        assert gclid is None or pages[0].endswith(f"&gclid={gclid}")
    assert led["g2.com", "referral"] == "https://g2.com/"
    assert led["google", "organic"] == "https://www.google.com/"
    assert led["(direct)", "(none)"] is None
    assert led["mailchimp", "email"] is None


def test_a_day_on_which_no_link_is_marked_is_exported_like_any_other(serve: Any) -> None:
    """A very small company has days of direct visits alone."""
    sessions = observed(serve().server.sandbox.view.snapshot)
    direct = sessions[sessions["medium"] == "(none)"].reset_index(drop=True)
    pages = {parameter(event, "page_location") for event in events(direct, {}).to_pylist()}
    assert set(direct["landing_url"]) <= pages
    assert not [page for page in pages if page and "clid=" in page]


def test_forms_leak_addresses_into_urls_for_connectors_to_remove(serve: Any, tmp_path: Path) -> None:
    folder = Path(serve(home=tmp_path).server.env["SOURCES__GA4__EXPORT_URL"])
    pages = [parameter(event, "page_location") for event in pq.read_table(folder).to_pylist()]
    assert any("email=" in page and "%40" in page for page in pages)


def test_a_day_is_written_again_only_when_it_changed(serve: Any, tmp_path: Path) -> None:
    client = serve(home=tmp_path)
    folder = Path(client.server.env["SOURCES__GA4__EXPORT_URL"])
    before = {file.name: (file.stat().st_mtime_ns, file.stat().st_ino) for file in folder.iterdir()}
    client.server.sandbox.refresh()
    client.server.advance(date(2026, 9, 2))
    after = {file.name: (file.stat().st_mtime_ns, file.stat().st_ino) for file in folder.iterdir()}
    changed = {name for name in after if after[name] != before.get(name)}
    assert "events_20260901.parquet" in changed
    assert all(name >= "events_20260828" for name in changed)
    assert not [name for name in after if name.startswith(".")]
    client.server.advance(UNTIL)
    assert "events_20260901.parquet" not in {file.name for file in folder.iterdir()}
