"""Mailchimp as Mailchimp is: paging by offset, `fields`, what recipients did, and problem documents."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from sandbox.faults import Fault
from sandbox.limits import FAST
from sandbox.state import Credentials
from tests.sandbox.conftest import Client


def refused(response: httpx.Response, status: int, title: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    body: dict[str, Any] = response.json()
    assert (body["status"], body["title"]) == (status, title)
    return body


def everything(client: Client, path: str, member: str, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    total = 1
    while len(rows) < total:
        page = client.mailchimp(path, count=25, offset=len(rows), **params).json()
        total = page["total_items"]
        rows += page[member]
        assert page[member] or not total
    return rows


def newest(client: Client) -> str:
    page = client.mailchimp("/campaigns", count=1, sort_field="send_time", sort_dir="DESC").json()
    return str(page["campaigns"][0]["id"])


@pytest.mark.parametrize("key", ["wrong-us1", "sandbox-mailchimp-key-us2", "sandbox-mailchimp-key", ""])
def test_the_key_and_its_data_centre_are_checked(served: Client, key: str) -> None:
    response = served.raw("GET", f"{served.server.mailchimp_url}/ping", auth=httpx.BasicAuth("x", key))
    assert "datacenter" in refused(response, 401, "API Key Invalid")["detail"]


def test_any_user_name_and_bearer_come_in(served: Client) -> None:
    key = Credentials().mailchimp_key
    url = f"{served.server.mailchimp_url}/ping"
    assert served.raw("GET", url, headers={"Authorization": f"Bearer {key}"}).json()["health_status"]
    assert served.mailchimp("/ping").status_code == 200
    assert served.raw("GET", url).status_code == 401


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/campaigns", {"count": 1001}), ("/campaigns", {"count": "all"}), ("/campaigns", {"offset": -1}),
        ("/campaigns", {"status": "finished"}), ("/campaigns", {"since_send_time": "yesterday"}),
        ("/campaigns", {"sort_field": "title"}), ("/campaigns", {"page": 2}), ("/reports", {"since": "2026-01-01"}),
        ("/lists/a1b2c3d4e5/members", {"sort_field": "email_address"}),
        ("/lists/a1b2c3d4e5/members", {"since_last_changed": "soon"}),
        ("/lists/a1b2c3d4e5/members", {"status": "happy"}),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused_by_name(served: Client, path: str, params: dict[str, Any]) -> None:
    body = refused(served.mailchimp(path, **params), 400, "Invalid Resource")
    assert body["errors"][0]["field"] in params


def test_unknown_campaigns_and_lists_are_not_found(served: Client) -> None:
    for path in ("/reports/nothing", "/reports/nothing/sent-to", "/lists/nothing/members", "/automations/x"):
        refused(served.mailchimp(path), 404, "Resource Not Found")


def test_members_carry_the_hash_of_their_address_and_page_by_change(served: Client) -> None:
    frame = served.server.sandbox.view.snapshot.email_members
    for each in served.mailchimp("/lists").json()["lists"]:
        rows = everything(served, f"/lists/{each['id']}/members", "members", sort_field="last_changed", sort_dir="ASC")
        assert {row["email_address"] for row in rows} == set(frame.loc[frame["list_id"] == each["id"], "email"])
        assert all(row["id"] == hashlib.md5(row["email_address"].lower().encode()).hexdigest() for row in rows)
        changed = [row["last_changed"] for row in rows]
        assert changed == sorted(changed)
        middle = changed[len(changed) // 2]
        later = everything(served, f"/lists/{each['id']}/members", "members", since_last_changed=middle)
        assert {row["id"] for row in later} == {row["id"] for row in rows if row["last_changed"] > middle}
        gone = everything(served, f"/lists/{each['id']}/members", "members", status="unsubscribed")
        assert each["stats"]["unsubscribe_count"] == len(gone)


def test_fields_keep_and_exclude_fields_drop(served: Client) -> None:
    kept = served.mailchimp("/campaigns", fields="campaigns.id,campaigns.settings.title,total_items").json()
    assert set(kept) == {"campaigns", "total_items"}
    assert set(kept["campaigns"][0]) == {"id", "settings"}
    assert set(kept["campaigns"][0]["settings"]) == {"title"}
    dropped = served.mailchimp("/campaigns", exclude_fields="campaigns.settings,_links").json()
    assert "_links" not in dropped
    assert "settings" not in dropped["campaigns"][0]
    assert "tracking" in dropped["campaigns"][0]


def test_campaigns_are_found_by_when_they_were_sent(served: Client) -> None:
    rows = everything(served, "/campaigns", "campaigns", status="sent", sort_field="send_time", sort_dir="ASC")
    times = [row["send_time"] for row in rows]
    assert times == sorted(times)
    since, before = times[3], times[-3]
    window = everything(served, "/campaigns", "campaigns", since_send_time=since, before_send_time=before)
    assert [row["send_time"] for row in window] == times[4:-3]
    assert everything(served, "/campaigns", "campaigns", status="schedule") == []


def test_reports_are_the_sums_of_what_recipients_did(served: Client) -> None:
    for campaign in everything(served, "/campaigns", "campaigns")[-6:]:
        path = f"/reports/{campaign['id']}"
        report = served.mailchimp(path).json()
        sent, emails, openers, leavers = (
            everything(served, f"{path}/{name}", member)
            for name, member in (
                ("sent-to", "sent_to"), ("email-activity", "emails"), ("open-details", "members"),
                ("unsubscribed", "unsubscribes"),
            )
        )  # fmt: skip
        assert report["emails_sent"] == campaign["emails_sent"] == len(sent) == len(emails)
        opens = [[act for act in row["activity"] if act["action"] == "open"] for row in emails]
        clicks = [[act for act in row["activity"] if act["action"] == "click"] for row in emails]
        assert report["opens"]["opens_total"] == sum(map(len, opens)) == sum(row["opens_count"] for row in openers)
        assert report["opens"]["unique_opens"] == sum(map(bool, opens)) == len(openers)
        assert report["clicks"]["clicks_total"] == sum(map(len, clicks))
        assert report["clicks"]["unique_subscriber_clicks"] == sum(map(bool, clicks))
        assert report["unsubscribed"] == len(leavers)
        bounced = [row for row in emails if row["activity"] and row["activity"][0]["action"] == "bounce"]
        assert report["bounces"]["hard_bounces"] + report["bounces"]["soft_bounces"] == len(bounced)
        assert {row["email_id"] for row in bounced} == {row["email_id"] for row in sent if row["status"] != "sent"}
        assert all(act["url"].startswith("http") and act["ip"] for row in clicks for act in row)


def test_activity_since_a_moment(served: Client) -> None:
    path = f"/reports/{newest(served)}/email-activity"
    rows = everything(served, path, "emails")
    times = sorted(act["timestamp"] for row in rows for act in row["activity"])
    middle = times[len(times) // 2]
    later = everything(served, path, "emails", since=middle)
    assert all(row["activity"] for row in later)
    told = sorted(act["timestamp"] for row in later for act in row["activity"])
    assert told == [moment for moment in times if moment > middle]


def test_too_many_connections_are_refused(serve: Any) -> None:
    client = serve(limits=replace(FAST, mailchimp_concurrent=2), faults=[Fault("/ping", "slow", times=99, seconds=0.5)])
    key = client.server.sandbox.credentials.mailchimp_key

    def ping(_: int) -> httpx.Response:
        return httpx.get(f"{client.server.mailchimp_url}/ping", auth=("x", key), timeout=30)

    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(ping, range(8)))
    statuses = {response.status_code for response in responses}
    assert statuses == {200, 429} or statuses == {200, 403, 429} or statuses == {403, 429, 200}
    for response in responses:
        if response.status_code == 429:
            refused(response, 429, "Too Many Requests")
        if response.status_code == 403:
            assert "json" not in response.headers["content-type"]
