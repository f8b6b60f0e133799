"""Brevo as Brevo is: pages by offset, statistics that end after six months, exports in the background, limits."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import httpx
import pandas as pd
import pytest

from sandbox.limits import FAST, VENDOR
from sandbox.world.text import CONTACT_BASE
from tests.sandbox.conftest import UNTIL, Client

ALL_DAYS = {"startDate": "2026-02-01T00:00:00.000Z", "endDate": "2026-09-01T00:00:00.000Z"}


def refused(response: httpx.Response, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"code", "message"}
    assert body["code"] == code
    return str(body["message"])


def everything(client: Client, path: str, member: str, limit: int = 25, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        page = client.brevo(path, limit=limit, offset=len(rows), sort="asc", **params).json()[member]
        rows += page
        if len(page) < limit:
            return rows


def sent_campaigns(client: Client, **params: Any) -> list[dict[str, Any]]:
    return everything(client, "/emailCampaigns", "campaigns", statistics="globalStats", **ALL_DAYS, **params)


def exported(client: Client, campaign: int, kind: str) -> list[dict[str, str]]:
    """The rows of an export, as somebody waits for it."""
    started = client.brevo(f"/emailCampaigns/{campaign}/exportRecipients", {"recipientsType": kind})
    assert started.status_code == 202
    number = started.json()["processId"]
    looks = [client.brevo(f"/processes/{number}").json() for _ in range(3)]
    assert [look["status"] for look in looks] == ["queued", "in_process", "completed"]
    assert ["export_url" in look for look in looks] == [False, False, True]
    file = client.raw("GET", looks[-1]["export_url"])
    assert file.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(file.text), delimiter=";"))


def test_the_key_comes_in_its_header(served: Client) -> None:
    url = f"{served.server.base_url}/brevo/v3/contacts"
    assert refused(served.raw("GET", url), 401, "unauthorized") == "authentication not found in headers"
    assert refused(served.raw("GET", url, headers={"api-key": "wrong"}), 401, "unauthorized") == "Key not found"
    assert served.raw("GET", f"{url}?api-key=sandbox-brevo-key").status_code == 401


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/contacts", {"limit": 1001}, "out_of_range"), ("/contacts/lists", {"limit": 51}, "out_of_range"),
        ("/emailCampaigns", {"limit": 101}, "out_of_range"), ("/processes", {"limit": 51}, "out_of_range"),
        ("/smtp/statistics/events", {"limit": 5001}, "out_of_range"),
        ("/contacts", {"limit": "all"}, "invalid_parameter"), ("/contacts", {"offset": -1}, "invalid_parameter"),
        ("/contacts", {"sort": "up"}, "invalid_parameter"), ("/contacts", {"page": 2}, "invalid_parameter"),
        ("/contacts", {"modifiedSince": "yesterday"}, "invalid_parameter"),
        ("/contacts", {"modifiedSince": "2026-06-01"}, "invalid_parameter"),
        ("/emailCampaigns", {"status": "finished"}, "invalid_parameter"),
        ("/emailCampaigns", {"statistics": "all"}, "invalid_parameter"),
        ("/emailCampaigns", {"startDate": "2026-06-01T00:00:00.000Z"}, "missing_parameter"),
        ("/emailCampaigns", {**ALL_DAYS, "status": "archive"}, "invalid_parameter"),
        ("/smtp/statistics/events", {"startDate": "2026-06-01"}, "missing_parameter"),
        ("/smtp/statistics/events", {"startDate": "2026-01-01", "endDate": "2026-06-01"}, "invalid_parameter"),
        ("/smtp/statistics/events", {"event": "opens"}, "invalid_parameter"),
        ("/smtp/statistics/events", {"days": 91}, "invalid_parameter"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused(served: Client, path: str, params: dict[str, Any], code: str) -> None:
    refused(served.brevo(path, **params), 400, code)


def test_what_does_not_exist_is_not_found(served: Client) -> None:
    for path in ("/emailCampaigns/1", "/contacts/1/campaignStats", "/processes/999999", "/nothing"):
        refused(served.brevo(path), 404, "document_not_found")
    refused(served.brevo("/emailCampaigns/1/exportRecipients", {"recipientsType": "all"}), 404, "document_not_found")
    assert served.raw("GET", f"{served.server.base_url}/brevo/exports/none.csv").status_code == 404


def test_contacts_come_newest_first_unless_asked_otherwise_with_all_their_attributes(served: Client) -> None:
    rows = everything(served, "/contacts", "contacts")
    members = served.server.sandbox.view.snapshot.email_members
    assert {row["email"] for row in rows} == set(members["email"])
    created = [(row["createdAt"], row["id"]) for row in rows]
    assert created == sorted(created)
    newest = served.brevo("/contacts", limit=5).json()
    assert newest["count"] == len(rows)
    assert newest["contacts"] == rows[:-6:-1]
    assert all({"FIRSTNAME", "LASTNAME", "SMS"} == set(row["attributes"]) for row in rows)
    changed = sorted(row["modifiedAt"] for row in rows)
    middle = changed[len(changed) // 2]
    later = everything(served, "/contacts", "contacts", modifiedSince=middle)
    assert {row["id"] for row in later} == {row["id"] for row in rows if row["modifiedAt"] > middle}
    assert served.brevo("/contacts", limit=0, modifiedSince=middle).json()["count"] == len(later)


def test_who_left_a_list_may_be_mailed_on_and_who_left_all_is_barred(served: Client) -> None:
    members = served.server.sandbox.view.snapshot.email_members
    by_contact = members.groupby("contact_id")["status"].agg(set)
    for row in everything(served, "/contacts", "contacts"):
        statuses = by_contact[str(row["id"] + CONTACT_BASE)]
        assert row["emailBlacklisted"] == ("cleaned" in statuses or "subscribed" not in statuses)
        assert bool(row["listUnsubscribed"]) == ("unsubscribed" in statuses)
    for each in served.brevo("/contacts/lists").json()["lists"]:
        assert each["totalSubscribers"] + each["totalBlacklisted"] == each["uniqueSubscribers"]


def test_campaigns_of_some_days_are_those_that_were_sent_in_the_archive_or_not(served: Client) -> None:
    campaigns = served.server.sandbox.view.snapshot.email_campaigns
    rows = sent_campaigns(served)
    assert [row["name"] for row in rows] == campaigns.sort_values("send_time")["title"].tolist()
    assert {row["status"] for row in rows} == {"sent", "archive"}
    assert all(("sentDate" in row) == (row["status"] == "sent") for row in rows)
    assert all(row["utmCampaignValue"] == row["name"] for row in rows)
    one = rows[3]["scheduledAt"]
    found = served.brevo("/emailCampaigns", startDate=one, endDate=one).json()["campaigns"]
    assert [row["id"] for row in found] == [rows[3]["id"]]
    assert [row["status"] for row in served.brevo("/emailCampaigns", status="draft").json()["campaigns"]] == ["draft"]
    plain = served.brevo("/emailCampaigns", limit=1, excludeHtmlContent="true").json()["campaigns"]
    assert plain[0]["htmlContent"] == ""


def test_statistics_of_a_list_end_after_six_months_and_those_of_a_report_do_not(serve: Any) -> None:
    client = serve(until=UNTIL + pd.Timedelta(days=60).to_pytimedelta())
    rows = everything(client, "/emailCampaigns", "campaigns", statistics="globalStats", startDate=ALL_DAYS["startDate"],
                      endDate="2026-12-01T00:00:00.000Z")  # fmt: skip
    oldest, newest = rows[0], rows[-20]
    assert oldest["statistics"]["globalStats"]["sent"] == 0
    assert oldest["statistics"]["campaignStats"] == []
    assert newest["statistics"]["globalStats"]["sent"] > 0
    for row in (oldest, newest):
        report = client.brevo(f"/emailCampaigns/{row['id']}", statistics="globalStats").json()
        assert report["statistics"]["globalStats"]["sent"] > 0
    unasked = client.brevo("/emailCampaigns", limit=1).json()["campaigns"][0]["statistics"]["globalStats"]
    assert set(unasked.values()) == {0}


def test_exports_hold_who_did_what_and_add_up_to_the_totals(served: Client) -> None:
    for campaign in sent_campaigns(served)[-6:]:
        totals = served.brevo(f"/emailCampaigns/{campaign['id']}").json()["statistics"]["globalStats"]
        kinds = {
            kind: {row["EMAIL"] for row in exported(served, campaign["id"], kind)}
            for kind in ("all", "openers", "nonOpeners", "clickers", "hardBounces", "softBounces", "unsubscribed")
        }
        counts = {
            "all": "sent", "openers": "uniqueViews", "clickers": "uniqueClicks", "hardBounces": "hardBounces",
            "softBounces": "softBounces", "unsubscribed": "unsubscriptions",
        }  # fmt: skip
        assert {kind: len(kinds[kind]) for kind in counts} == {kind: totals[name] for kind, name in counts.items()}
        assert kinds["openers"] | kinds["nonOpeners"] == kinds["all"]
        assert not kinds["openers"] & kinds["nonOpeners"]


def test_an_export_wants_its_kind_and_its_file_no_key(served: Client) -> None:
    path = f"/emailCampaigns/{sent_campaigns(served)[0]['id']}/exportRecipients"
    refused(served.brevo(path, {}), 400, "missing_parameter")
    refused(served.brevo(path, {"recipientsType": "everybody"}), 400, "invalid_parameter")
    refused(served.brevo(path, {"recipientsType": "all", "format": "csv"}), 400, "invalid_parameter")
    number = served.brevo(path, {"recipientsType": "all"}).json()["processId"]
    for _ in range(3):
        listed = served.brevo("/processes", limit=50).json()["processes"]
    (mine,) = [each for each in listed if each["id"] == number]
    key = {"api-key": served.server.sandbox.credentials.brevo_key}
    assert served.raw("GET", mine["export_url"], headers=key).status_code == 400
    assert served.raw("GET", mine["export_url"]).text.startswith("EMAIL;FIRSTNAME;LASTNAME;SMS\n")


def test_statistics_of_a_contact_are_what_it_did_on_these_days(served: Client) -> None:
    activity = served.server.sandbox.view.snapshot.email_activity
    recent = activity[activity["at"] >= pd.Timestamp("2026-06-03", tz="UTC")]
    contact_id = recent["contact_id"].value_counts().index[0]
    mine = recent[recent["contact_id"] == contact_id]
    path = f"/contacts/{int(contact_id) - CONTACT_BASE}/campaignStats"
    told = served.brevo(path, startDate="2026-06-03", endDate="2026-09-01").json()
    assert sum(each["count"] for each in told["opened"]) == (mine["action"] == "open").sum()
    first = mine[mine["action"] == "open"].groupby(["campaign_id", "ip"])["at"].min()
    moments = sorted(f"{at:%Y-%m-%dT%H:%M:%S}.000Z" for at in first)
    assert sorted(each["eventTime"] for each in told["opened"]) == moments
    links = [link for each in told.get("clicked", []) for link in each["links"]]
    assert sum(link["count"] for link in links) == (mine["action"] == "click").sum()
    day = first.min().date().isoformat()
    assert {each["eventTime"][:10] for each in served.brevo(path, startDate=day, endDate=day).json()["opened"]} == {day}
    refused(served.brevo(path, startDate="2026-05-01", endDate="2026-09-01"), 400, "invalid_parameter")
    refused(served.brevo(path, startDate="2026-09-02", endDate="2026-09-03"), 400, "invalid_parameter")
    assert served.brevo(f"/contacts/{mine['email'].iat[0]}/campaignStats").json()["opened"]


def test_messages_are_told_event_by_event_opens_by_proxies_apart(served: Client) -> None:
    days = {"startDate": "2026-06-03", "endDate": "2026-09-01"}
    rows = everything(served, "/smtp/statistics/events", "events", **days)
    assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)
    assert {"requests", "delivered", "opened", "loadedByProxy"} <= {row["event"] for row in rows}
    requested = {row["messageId"] for row in rows if row["event"] == "requests"}
    assert {row["messageId"] for row in rows if row["event"] == "opened"} <= requested
    only = everything(served, "/smtp/statistics/events", "events", event="loadedByProxy", **days)
    assert only == [row for row in rows if row["event"] == "loadedByProxy"]
    assert served.brevo("/smtp/statistics/events").json()["events"][0] == rows[-1]


def test_every_family_of_paths_has_its_limit_and_says_when_it_frees(serve: Any) -> None:
    client = serve(limits=replace(FAST, brevo_others_per_hour=3, brevo_contacts_per_second=2))
    answers = [client.brevo("/emailCampaigns", limit=1) for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert [each.headers["x-sib-ratelimit-remaining"] for each in answers] == ["2", "1", "0", "0"]
    assert 3_590 <= int(answers[-1].headers["x-sib-ratelimit-reset"]) <= 3_600
    assert "retry-after" not in answers[-1].headers
    assert answers[-1].json() == {"status": "error", "message": "rate limited"}
    assert client.brevo("/emailCampaigns/1").status_code == 429, "one limit for all of the family"
    assert client.brevo("/smtp/statistics/events").status_code == 200
    statuses = [client.brevo("/contacts", limit=1).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert (VENDOR.brevo_contacts_per_second, VENDOR.brevo_others_per_hour, VENDOR.brevo_smtp_per_hour) == (
        10,
        100,
        300,
    )
