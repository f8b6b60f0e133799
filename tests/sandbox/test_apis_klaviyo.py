"""Klaviyo as Klaviyo is: revisions and scopes, its filter language, JSON:API pages, consent and events."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import httpx
import pytest

from sandbox.apis.klaviyo_filters import RANGE, Condition, Field, FilterError, conditions
from sandbox.apis.klaviyo_rules import SCOPES
from sandbox.limits import FAST
from sandbox.state import Credentials
from tests.sandbox.conftest import Client

KEY = "sandbox-klaviyo-key"
HEADERS = {"Authorization": f"Klaviyo-API-Key {KEY}", "revision": "2026-07-15"}
EMAIL = "equals(messages.channel,'email')"
CONSENT = {"additional-fields[profile]": "subscriptions"}


def ask(client: Client, path: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
    url = f"{client.server.base_url}/klaviyo/api/{path}"
    return client.raw("GET", url, headers=HEADERS if headers is None else headers, params=params)


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/vnd.api+json"
    (error,) = response.json()["errors"]
    assert (error["status"], error["code"]) == (status, code)
    assert isinstance(error, dict)
    return error


def pages(client: Client, path: str, **params: Any) -> list[dict[str, Any]]:
    """Every page, by following the absolute links as they come."""
    found = [ask(client, path, **params).json()]
    while found[-1]["links"]["next"]:
        found.append(client.raw("GET", found[-1]["links"]["next"], headers=HEADERS).json())
    return found


def everything(client: Client, path: str, **params: Any) -> list[dict[str, Any]]:
    return [row for page in pages(client, path, **params) for row in page["data"]]


@pytest.mark.parametrize("header", ["", KEY, f"Bearer {KEY}", "Klaviyo-API-Key wrong", f"klaviyo-api-key {KEY}"])
def test_only_the_private_key_under_its_own_word_comes_in(served: Client, header: str) -> None:
    refused(ask(served, "lists", {**HEADERS, "Authorization": header}), 401, "not_authenticated")


@pytest.mark.parametrize("revision", [None, "", "latest", "2026-07-16", "2027-01-15", "2019-10-15"])
def test_a_known_revision_is_required(served: Client, revision: str | None) -> None:
    headers = {"Authorization": HEADERS["Authorization"]} | ({} if revision is None else {"revision": revision})
    assert "revision" in refused(ask(served, "lists", headers), 400, "invalid")["detail"]
    assert ask(served, "lists", {**HEADERS, "revision": "2024-10-15"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "params", "parameter"),
    [
        ("metrics", {"page[size]": 10}, "page[size]"), ("metrics", {"sort": "name"}, "sort"),
        ("lists", {"page[size]": 11}, "page[size]"), ("profiles", {"page[size]": 101}, "page[size]"),
        ("profiles", {"page[size]": 0}, "page[size]"), ("events", {"page[size]": 1001}, "page[size]"),
        ("campaigns", {"filter": EMAIL, "page[size]": 101}, "page[size]"),
        ("events", {"sort": "uuid"}, "sort"), ("events", {"since": "2026-01-01"}, "since"),
        ("events", {"include": "campaign"}, "include"), ("events", {"fields[event]": "datetime,url"}, "fields[event]"),
        ("events", {"fields[profile]": "subscriptions"}, "fields[profile]"),
        ("profiles", {"additional-fields[profile]": "consent"}, "additional-fields[profile]"),
        ("campaigns", {}, "filter"), ("campaigns", {"filter": "equals(archived,true)"}, "filter"),
        ("campaigns", {"filter": "equals(messages.channel,'post')"}, "filter"),
        ("campaigns", {"filter": "equals(messages.channel,email)"}, "filter"),
        ("campaigns", {"filter": f"and({EMAIL},equals(archived,'true'))"}, "filter"),
        ("campaigns", {"filter": f"and({EMAIL},equals(send_time,2026-01-01))"}, "filter"),
        ("profiles", {"filter": "greater-or-equal(updated,2026-01-01T00:00:00Z)"}, "filter"),
        ("profiles", {"filter": 'greater-than(updated,"2026-01-01T00:00:00Z")'}, "filter"),
        ("events", {"filter": "equals(metric_id,abc)"}, "filter"),
        ("events", {"filter": 'any(metric_id,["abc"])'}, "filter"),
        ("events", {"filter": "greater-than(datetime,yesterday)"}, "filter"),
        ("events", {"page[cursor]": "bmV4dA=="}, "page[cursor]"), ("events", {"page[cursor]": "%"}, "page[cursor]"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused_by_name(
    served: Client, path: str, params: dict[str, Any], parameter: str
) -> None:
    assert refused(ask(served, path, **params), 400, "invalid")["source"] == {"parameter": parameter}


def test_a_cursor_is_of_one_order(served: Client) -> None:
    first = ask(served, "profiles", sort="id", **{"page[size]": 1}).json()
    cursor = httpx.URL(first["links"]["next"]).params["page[cursor]"]
    refused(ask(served, "profiles", sort="updated", **{"page[cursor]": cursor}), 400, "invalid")


def test_unknown_paths_and_campaigns_are_not_found(served: Client) -> None:
    for path in ("profile", "campaigns/nothing/campaign-messages"):
        refused(ask(served, path), 404, "not_found")


def test_a_key_without_a_scope_is_told_which(serve: Any) -> None:
    client = serve(credentials=Credentials(klaviyo_keys={KEY: SCOPES - {"events:read", "profiles:read"}}))
    for path in ("events", "profiles"):
        assert f"{path}:read" in refused(ask(client, path), 403, "permission_denied")["detail"]
    assert ask(client, "metrics").status_code == 200
    client = serve(credentials=Credentials(klaviyo_keys={KEY: SCOPES - {"profiles:read"}}))
    assert ask(client, "events").status_code == 200
    assert "profiles:read" in refused(ask(client, "events", include="profile"), 403, "permission_denied")["detail"]


def test_limits_refuse_each_operation_by_itself(serve: Any) -> None:
    client = serve(limits=replace(FAST, klaviyo_m=(2, 150), klaviyo_l=(100, 3)))
    answers = [ask(client, "metrics") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-limit"] == "150, 2;w=1, 150;w=60"
    assert [each.headers["ratelimit-remaining"] for each in answers[:2]] == ["149", "148"]
    assert refused(answers[2], 429, "throttled")
    assert answers[2].headers["retry-after"] == "1"
    assert ask(client, "campaigns", filter=EMAIL).status_code == 200
    lists = [ask(client, "lists") for _ in range(4)]
    assert [each.status_code for each in lists] == [200, 200, 200, 429]
    assert 50 < int(lists[3].headers["retry-after"]) <= 60


def test_campaigns_with_their_messages_and_the_name_of_their_links(served: Client) -> None:
    frame = served.server.sandbox.view.snapshot.email_campaigns
    found: dict[str, dict[str, Any]] = {}
    for archived in ("false", "true"):
        condition = f"and({EMAIL},equals(archived,{archived}))"
        for page in pages(served, "campaigns", filter=condition, include="campaign-messages", **{"page[size]": 7}):
            messages = {each["id"]: each for each in page["included"]}
            for row in page["data"]:
                assert row["attributes"]["archived"] is (archived == "true")
                (message,) = row["relationships"]["campaign-messages"]["data"]
                content = messages[message["id"]]["attributes"]["definition"]["content"]
                found[row["attributes"]["name"]] = {**row["attributes"], "subject": content["subject"]}
    assert {name: row["subject"] for name, row in found.items()} == dict(
        zip(frame["title"], frame["subject"], strict=True)
    )
    kinds = Counter()  # type: Counter[str]
    for row in found.values():
        (param,) = (
            each for each in row["tracking_options"]["custom_tracking_params"] if each["name"] == "utm_campaign"
        )
        kinds[param["type"]] += 1
        assert param["value"] == ("campaign_name" if param["type"] == "dynamic" else row["name"])
    assert min(kinds["static"], kinds["dynamic"]) > 0
    unasked = everything(served, "campaigns", filter=EMAIL)
    assert 0 < len(unasked) < len(found)
    assert not any(row["attributes"]["archived"] for row in unasked)
    assert everything(served, "campaigns", filter="equals(messages.channel,'sms')") == []


def test_messages_of_one_campaign(served: Client) -> None:
    campaign = ask(served, "campaigns", filter=EMAIL).json()["data"][0]
    answer = ask(served, f"campaigns/{campaign['id']}/campaign-messages", include="campaign").json()
    assert [each["id"] for each in answer["data"]] == [
        each["id"] for each in campaign["relationships"]["campaign-messages"]["data"]
    ]
    assert [each["id"] for each in answer["included"]] == [campaign["id"]]


def test_profiles_are_the_members_and_their_consent_is_told_on_request(served: Client) -> None:
    members = served.server.sandbox.view.snapshot.email_members
    rows = everything(served, "profiles", sort="updated", **CONSENT, **{"page[size]": 13})
    assert {row["attributes"]["email"] for row in rows} == set(members["email"])
    assert len(rows) == members["email"].nunique()
    updated = [row["attributes"]["updated"] for row in rows]
    assert updated == sorted(updated)
    status = members.groupby("email")["status"].agg(set)
    for row in rows:
        marketing = row["attributes"]["subscriptions"]["email"]["marketing"]
        statuses = status[row["attributes"]["email"]]
        assert marketing["consent"] == ("UNSUBSCRIBED" if statuses == {"unsubscribed"} else "SUBSCRIBED")
        reasons = {each["reason"] for each in marketing["suppression"]}
        assert ("HARD_BOUNCE" in reasons) == ("cleaned" in statuses)
        assert bool(marketing["list_suppressions"]) == ("unsubscribed" in statuses)
    assert "subscriptions" not in ask(served, "profiles").json()["data"][0]["attributes"]


def test_names_and_phones_are_served_unless_fields_leave_them_out(served: Client) -> None:
    whole = ask(served, "profiles").json()["data"][0]["attributes"]
    assert whole["first_name"]
    assert whole["phone_number"]
    fields = {"fields[profile]": "email,subscriptions.email.marketing.consent"}
    (sparse,) = ask(served, "profiles", **fields, **CONSENT, **{"page[size]": 1}).json()["data"]
    assert set(sparse["attributes"]) == {"email", "subscriptions"}
    assert sparse["attributes"]["subscriptions"] == {"email": {"marketing": {"consent": "SUBSCRIBED"}}}


def test_bounds_of_updated_are_exclusive(served: Client) -> None:
    rows = everything(served, "profiles", sort="updated")
    times = [row["attributes"]["updated"] for row in rows]
    middle = times[len(times) // 2]
    later = everything(served, "profiles", filter=f"greater-than(updated,{middle})")
    assert {row["id"] for row in later} == {row["id"] for row in rows if row["attributes"]["updated"] > middle}


def events(client: Client, metric: str, **params: Any) -> list[dict[str, Any]]:
    """Events of one of Klaviyo's own metrics, with the address beside each."""
    (found,) = (
        row["id"]
        for row in everything(client, "metrics")
        if row["attributes"]["name"] == metric and row["attributes"]["integration"]["name"] == "Klaviyo"
    )
    rows = []
    fields = {"fields[profile]": "email", "page[size]": 50, "sort": "datetime"}
    for page in pages(client, "events", filter=f'equals(metric_id,"{found}")', include="profile", **fields, **params):
        emails = {each["id"]: each["attributes"] for each in page["included"]}
        assert all(set(each) == {"email"} for each in emails.values())
        for row in page["data"]:
            person = emails[row["relationships"]["profile"]["data"]["id"]]
            rows.append({**row["attributes"], **person, "id": row["id"]})
    return rows


def told(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return sorted(
        (
            row["email"],
            row["event_properties"]["Campaign Name"],
            row["timestamp"],
            *(row["event_properties"][name] for name in names),
        )
        for row in rows
    )


def test_events_are_what_the_company_knows_of_its_mails(served: Client) -> None:
    company = served.server.sandbox.view.snapshot
    names = dict(zip(company.email_campaigns["campaign_id"], company.email_campaigns["title"], strict=True))

    def known(frame: Any, at: str, *columns: Any) -> list[tuple[Any, ...]]:
        seconds = frame[at].map(lambda moment: int(moment.timestamp()))
        return sorted(zip(frame["email"], frame["campaign_id"].map(names), seconds, *columns, strict=True))

    sends, activity = company.email_sends, company.email_activity
    bounced = sends[sends["bounce"].notna()]
    opens, clicks = (activity[activity["action"] == action] for action in ("open", "click"))
    assert told(events(served, "Received Email")) == known(sends[sends["bounce"].isna()], "sent_at")
    assert told(events(served, "Bounced Email"), "Bounce Type") == known(
        bounced, "sent_at", bounced["bounce"].str.title()
    )
    assert told(events(served, "Opened Email"), "machine_open") == known(opens, "at", opens["is_machine"])
    assert told(events(served, "Clicked Email"), "URL", "Bot Click") == known(
        clicks, "at", clicks["url"], clicks["is_machine"]
    )
    assert told(events(served, "Unsubscribed from Email Marketing")) == known(company.email_unsubscribes, "at")
    assert events(served, "Marked Email as Spam") == []


def test_events_have_ids_of_their_own_and_whole_seconds(served: Client, serve: Any) -> None:
    rows = events(served, "Opened Email")
    assert len({row["id"] for row in rows}) == len({row["uuid"] for row in rows}) == len(rows)
    assert all(len(row["id"]) == 26 and row["datetime"].endswith("+00:00") for row in rows)
    earlier = events(serve(until=served.server.sandbox.view.snapshot.start.replace(month=6)), "Opened Email")
    assert earlier
    assert {row["id"]: row["email"] for row in earlier}.items() <= {row["id"]: row["email"] for row in rows}.items()


def test_events_of_a_time_and_of_a_profile(served: Client) -> None:
    rows = everything(served, "events", sort="datetime", **{"page[size]": 1000})
    times = [row["attributes"]["datetime"] for row in rows]
    assert times == sorted(times)
    first, last = times[len(times) // 3].replace("+00:00", "Z"), times[len(times) // 2].replace("+00:00", "Z")
    window = f"and(greater-or-equal(datetime,{first}),less-than(datetime,{last}))"
    assert [row["id"] for row in everything(served, "events", filter=window, sort="datetime")] == [
        row["id"] for row in rows if first <= row["attributes"]["datetime"].replace("+00:00", "Z") < last
    ]
    person = rows[0]["relationships"]["profile"]["data"]["id"]
    own = everything(served, "events", filter=f'equals(profile_id,"{person}")', sort="-datetime")
    assert [row["id"] for row in own] == [
        row["id"] for row in rows[::-1] if row["relationships"]["profile"]["data"]["id"] == person
    ]


ALLOWED = {"name": Field(frozenset({"equals", "any"})), "at": Field(RANGE, "time"), "n": Field(RANGE, "number")}


def test_filters_of_every_form() -> None:
    assert conditions(None, ALLOWED) == []
    assert conditions("equals(name,'it\\'s')", ALLOWED) == [Condition("equals", "name", "it's")]
    assert conditions('any(name,["a","b"])', ALLOWED) == [Condition("any", "name", ["a", "b"])]
    both = [Condition("greater-than", "at", 0.0), Condition("less-than", "n", 2.5)]
    assert conditions("greater-than(at,1970-01-01T00:00:00+00:00),less-than(n,2.5)", ALLOWED) == both
    assert conditions("and(greater-than(at,1970-01-01),and(less-than(n,2.5)))", ALLOWED) == both


@pytest.mark.parametrize(
    "text",
    [
        "equals(name)", "equals(name,)", "equals(name,'a'", "equals(name,'a')x", "equals(name,'a)", "(name,'a')",
        "and()",
        "equals(name,['a'])", "any(name,'a')", "any(name,['a'", "or(equals(name,'a'),equals(name,'b'))",
        "less-than(at,'2026-01-01')", "less-than(n,two)", "equals(name,'a') equals(name,'b')",
    ],
)  # fmt: skip
def test_filters_that_are_none(text: str) -> None:
    with pytest.raises(FilterError):
        conditions(text, ALLOWED)
