"""HubSpot as HubSpot is: pages, searches, histories, links, and every refusal in its own error body."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from sandbox.apis.hubspot_schema import ALL_SCOPES, OBJECTS
from sandbox.limits import FAST
from sandbox.state import Credentials
from tests.sandbox.conftest import Client


def refused(response: Any, status: int, category: str) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert body["status"] == "error"
    assert body["category"] == category
    assert body["correlationId"]
    return str(body["message"])


def listed(client: Client, kind: str, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = client.objects(kind, limit=20, **params, **after).json()
        rows += page["results"]
        if "paging" not in page:
            return rows
        after = {"after": page["paging"]["next"]["after"]}


def test_a_token_is_needed(served: Client) -> None:
    url = f"{served.server.hubspot_url}/crm/objects/2026-09/contacts"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic c2FuZGJveC1odWJzcG90LXRva2Vu"}):
        refused(served.raw("GET", url, headers=headers), 401, "INVALID_AUTHENTICATION")


def test_a_token_without_the_scope_is_told_which(serve: Any) -> None:
    tokens = {"narrow": ALL_SCOPES - {"crm.objects.deals.read"}}
    client = serve(credentials=Credentials(hubspot_tokens=tokens))
    assert client.objects("contacts").status_code == 200
    response = client.objects("deals")
    refused(response, 403, "MISSING_SCOPES")
    assert response.json()["errors"][0]["context"]["requiredScopes"] == ["crm.objects.deals.read"]


@pytest.mark.parametrize("kind", OBJECTS)
def test_pages_of_a_list_hold_every_live_record_once_in_order_of_id(served: Client, kind: str) -> None:
    frame = getattr(served.server.sandbox.view.snapshot, OBJECTS[kind].frame)
    gone = frame[[name for name in ("archived_at", "merged_into") if name in frame]].notna().any(axis=1)
    expected = sorted(frame.loc[~gone, OBJECTS[kind].id_column], key=int)
    assert [row["id"] for row in listed(served, kind)] == expected
    assert expected


def test_archived_contacts_are_listed_apart_and_merged_ones_nowhere(served: Client) -> None:
    contacts = served.server.sandbox.view.snapshot.contacts
    live, gone = listed(served, "contacts"), listed(served, "contacts", archived="true")
    archived = contacts["archived_at"].notna() & contacts["merged_into"].isna()
    assert {row["id"] for row in gone} == set(contacts.loc[archived, "contact_id"])
    assert all(row["archived"] and row["archivedAt"].endswith("Z") for row in gone)
    merged = contacts[contacts["merged_into"].notna()]
    assert len(merged)
    assert not {row["id"] for row in [*live, *gone]} & set(merged["contact_id"])
    found = served.search("contacts", {"propertyName": "hs_merged_object_ids", "operator": "HAS_PROPERTY"},
                          properties=["hs_merged_object_ids"]).json()["results"]  # fmt: skip
    named = {each for row in found for each in row["properties"]["hs_merged_object_ids"].split(";")}
    assert named == set(merged["contact_id"])


def test_only_the_properties_asked_for_come_and_all_are_texts(served: Client) -> None:
    row = served.objects("deals", properties="amount,hs_mrr,no_such_property").json()["results"][0]
    assert set(row["properties"]) == {"amount", "hs_mrr", "createdate", "hs_lastmodifieddate", "hs_object_id"}
    assert all(isinstance(value, str | None) for value in row["properties"].values())
    assert row["properties"]["createdate"] == row["createdAt"]
    assert row["createdAt"].endswith("Z")
    defaults = served.search("contacts", limit=1).json()["results"][0]["properties"]
    assert set(defaults) == {"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"}


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 101}, {"limit": 0}, {"limit": "many"}, {"limit": 51, "propertiesWithHistory": "dealstage"},
        {"archived": "maybe"}, {"after": "not-a-cursor"}, {"propertys": "amount"}, {"associations": "unicorns"},
    ],
)  # fmt: skip
def test_a_list_refuses_what_hubspot_refuses(served: Client, params: dict[str, Any]) -> None:
    refused(served.objects("deals", **params), 400, "VALIDATION_ERROR")


def test_unknown_types_releases_and_endless_urls_are_refused(served: Client) -> None:
    assert "unicorns" in refused(served.objects("unicorns"), 400, "VALIDATION_ERROR")
    refused(served.hubspot("/crm/v3/objects/contacts"), 404, "OBJECT_NOT_FOUND")
    refused(served.objects("contacts", properties="x" * 20_000), 414, "URI_TOO_LONG")
    assert served.objects("0-3").json()["results"][0]["properties"]["dealname"]


SEARCH = {"after": "0", "limit": 10, "filterGroups": [], "properties": [], "sorts": []}
EQ = {"propertyName": "amount", "operator": "EQ", "value": "1"}


@pytest.mark.parametrize("missing", SEARCH)
def test_a_search_needs_every_key(served: Client, missing: str) -> None:
    body = {name: value for name, value in SEARCH.items() if name != missing}
    assert missing in refused(served.hubspot("/crm/objects/2026-09/deals/search", body), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 201}, {"limit": "10"}, {"after": 0}, {"after": "9800", "limit": 201}, {"after": "9900", "limit": 101},
        {"sorts": ["createdate", "amount"]}, {"sorts": ['{"propertyName": "amount"}']}, {"sorts": ["no_such"]},
        {"properties": "amount"}, {"filterGroups": [{"filters": [EQ]}] * 7}, {"filterGroups": [{"filters": [EQ] * 7}]},
        {"filterGroups": [{"filters": [EQ] * 4}] * 5}, {"filterGroups": [{}]}, {"unknown": 1},
        {"filterGroups": [{"filters": [{**EQ, "value": 1}]}]},
        {"filterGroups": [{"filters": [{**EQ, "value": "many"}]}]},
        {"filterGroups": [{"filters": [{**EQ, "operator": "ALMOST"}]}]},
        {"filterGroups": [{"filters": [{**EQ, "propertyName": "no_such"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "IN", "value": "1"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "createdate", "operator": "GTE", "value": "yesterday"}]}]},
    ],
)  # fmt: skip
def test_a_search_refuses_what_hubspot_refuses(served: Client, wrong: dict[str, Any]) -> None:
    refused(served.hubspot("/crm/objects/2026-09/deals/search", SEARCH | wrong), 400, "VALIDATION_ERROR")


def test_the_last_page_before_the_cap_is_allowed(served: Client) -> None:
    assert served.search("deals", after="9800", limit=200).json()["results"] == []


def test_search_filters_by_time_as_milliseconds_or_iso(served: Client) -> None:
    everything = served.search("contacts", sorts=["lastmodifieddate"]).json()["results"]
    middle = everything[len(everything) // 2]["updatedAt"]
    millis = str(round(datetime.fromisoformat(middle).timestamp() * 1000))
    for value in (middle, millis):
        newer = served.search("contacts", {"propertyName": "lastmodifieddate", "operator": "GTE", "value": value})
        expected = {row["id"] for row in everything if row["updatedAt"] >= middle}
        assert {row["id"] for row in newer.json()["results"]} == expected
    between = {"propertyName": "lastmodifieddate", "operator": "BETWEEN", "value": middle, "highValue": middle}
    assert all(row["updatedAt"] == middle for row in served.search("contacts", between).json()["results"])


def test_search_operators_agree_with_the_records(served: Client) -> None:
    rows = served.search("deals", properties=["amount", "dealstage", "closed_lost_reason"]).json()["results"]

    def found(*filters: dict[str, Any]) -> set[str]:
        return {row["id"] for row in served.search("deals", *filters).json()["results"]}

    def expected(keep: Any) -> set[str]:
        return {row["id"] for row in rows if keep(row["properties"])}

    amount = rows[0]["properties"]["amount"]
    assert found({"propertyName": "amount", "operator": "GT", "value": amount}) == expected(
        lambda p: float(p["amount"]) > float(amount)
    )
    assert found({"propertyName": "amount", "operator": "LTE", "value": amount}) == expected(
        lambda p: float(p["amount"]) <= float(amount)
    )
    closed = ["closedwon", "closedlost"]
    assert found({"propertyName": "dealstage", "operator": "IN", "values": closed}) == expected(
        lambda p: p["dealstage"] in closed
    )
    assert found({"propertyName": "closed_lost_reason", "operator": "HAS_PROPERTY"}) == expected(
        lambda p: p["closed_lost_reason"]
    )
    won_later = found(
        {"propertyName": "dealstage", "operator": "EQ", "value": "closedwon"},
        {"propertyName": "hs_object_id", "operator": "GT", "value": rows[0]["id"]},
    )
    won = expected(lambda p: p["dealstage"] == "closedwon")
    assert won_later == {each for each in won if int(each) > int(rows[0]["id"])}
    groups = [{"filters": [{"propertyName": "dealstage", "operator": "EQ", "value": stage}]} for stage in closed]
    either = served.search("deals", filterGroups=groups).json()
    assert {row["id"] for row in either["results"]} == expected(lambda p: p["dealstage"] in closed)
    assert either["total"] == len(either["results"])


def test_search_pages_by_offset_in_the_order_asked_for(served: Client) -> None:
    rows: list[dict[str, Any]] = []
    after = "0"
    while after:
        page = served.search("meetings", sorts=["-hs_lastmodifieddate"], limit=7, after=after).json()
        rows += page["results"]
        after = page.get("paging", {}).get("next", {}).get("after")
    changed = [row["updatedAt"] for row in rows]
    assert changed == sorted(changed, reverse=True)
    assert len({row["id"] for row in rows}) == len(rows) == page["total"]
    object_rule = [{"propertyName": "hs_lastmodifieddate", "direction": "DESCENDING"}]
    again = served.search("meetings", sorts=object_rule, limit=7).json()
    assert [row["id"] for row in again["results"]] == [row["id"] for row in rows[:7]]


def read(served: Client, kind: str, ids: list[str], **more: Any) -> Any:
    params = {"archived": more.pop("archived")} if "archived" in more else {}
    body = {"inputs": [{"id": each} for each in ids], "properties": [], "propertiesWithHistory": [], **more}
    return served.hubspot(f"/crm/objects/2026-09/{kind}/batch/read", body, **params)


def test_batch_read_gives_the_stage_history_newest_first(served: Client) -> None:
    history = served.server.sandbox.view.snapshot.property_history
    deals = [row["id"] for row in served.search("deals", limit=10).json()["results"]]
    answer = read(served, "deals", deals, propertiesWithHistory=["dealstage"])
    assert answer.status_code == 200
    for row in answer.json()["results"]:
        told = row["propertiesWithHistory"]["dealstage"]
        known = history[(history["object_id"] == row["id"]) & (history["property"] == "dealstage")]
        assert [each["value"] for each in reversed(told)] == known.sort_values("changed_at")["value"].tolist()
        assert told[0]["value"] == row["properties"]["dealstage"]
        assert all(each["timestamp"].endswith("Z") and each["sourceType"] for each in told)


def test_batch_read_tells_what_it_did_not_find(served: Client) -> None:
    deal = served.search("deals", limit=1).json()["results"][0]["id"]
    answer = read(served, "deals", [deal, "404"])
    assert answer.status_code == 207
    body = answer.json()
    assert [row["id"] for row in body["results"]] == [deal]
    assert body["numErrors"] == 1
    assert body["errors"][0]["context"]["ids"] == ["404"]
    gone = listed(served, "contacts", archived="true")[0]["id"]
    assert read(served, "contacts", [gone]).status_code == 207
    assert read(served, "contacts", [gone], archived="true").json()["results"][0]["archived"] is True


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [{"id": "1"}], "properties": []},
        {"inputs": [], "properties": [], "propertiesWithHistory": []},
        {"inputs": [{"id": 1}], "properties": [], "propertiesWithHistory": []},
        {"inputs": [{"id": str(n)} for n in range(101)], "properties": [], "propertiesWithHistory": []},
        {"inputs": [{"id": str(n)} for n in range(51)], "properties": [], "propertiesWithHistory": ["dealstage"]},
        {"inputs": [{"id": "1"}], "properties": [], "propertiesWithHistory": [], "idProperty": "dealname"},
        {"inputs": [{"id": "1"}], "properties": "amount", "propertiesWithHistory": []},
        ["not", "an", "object"],
    ],
)
def test_batch_read_refuses_what_hubspot_refuses(served: Client, body: Any) -> None:
    refused(served.hubspot("/crm/objects/2026-09/deals/batch/read", body), 400, "VALIDATION_ERROR")


def test_bodies_must_be_json(served: Client) -> None:
    url = f"{served.server.hubspot_url}/crm/objects/2026-09/deals/search"
    headers = {"Authorization": "Bearer sandbox-hubspot-token"}
    refused(served.raw("POST", url, headers=headers, content=b"{}"), 415, "UNSUPPORTED_MEDIA_TYPE")
    headers["Content-Type"] = "application/json"
    refused(served.raw("POST", url, headers=headers, content=b"{not json"), 400, "VALIDATION_ERROR")


def linked(client: Client, one: str, other: str, inputs: list[dict[str, str]]) -> Any:
    return client.hubspot(f"/crm/associations/2026-09/{one}/{other}/batch/read", {"inputs": inputs})


def test_links_name_the_primary_first_and_page_per_record(serve: Any) -> None:
    client = serve(limits=replace(FAST, hubspot_association_page=1))
    pairs = client.server.sandbox.view.snapshot.deal_contacts
    crowd = pairs.groupby("deal_id")["contact_id"].size().idxmax()
    expected = pairs[pairs["deal_id"] == crowd].sort_values("position")["contact_id"].tolist()
    assert len(expected) > 1
    found, inputs = [], {"id": crowd}
    while True:
        answer = linked(client, "deals", "contacts", [inputs]).json()["results"][0]
        assert len(answer["to"]) == 1
        found.append(answer["to"][0]["toObjectId"])
        if "paging" not in answer:
            break
        inputs = {"id": crowd, "after": answer["paging"]["next"]["after"]}
    assert found == expected
    company = linked(client, "deals", "companies", [{"id": crowd}]).json()["results"][0]["to"][0]
    assert {"label": "Primary", "typeId": 5, "category": "HUBSPOT_DEFINED"} in company["associationTypes"]


def test_records_without_links_are_errors_of_a_batch(served: Client) -> None:
    answer = linked(served, "deals", "contacts", [{"id": "404"}])
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    refused(linked(served, "deals", "contacts", [{"id": "1"}] * 1001), 400, "VALIDATION_ERROR")
    refused(linked(served, "deals", "contacts", []), 400, "VALIDATION_ERROR")


def test_links_never_lead_to_records_that_are_not_served(served: Client) -> None:
    portal = served.server.sandbox.view.portal
    for one, other in (
        ("deals", "contacts"),
        ("contacts", "companies"),
        ("meetings", "contacts"),
        ("companies", "deals"),
    ):
        here, there = (
            {portal.records(kind).ids[row] for row in portal.records(kind).live.tolist()} for kind in (one, other)
        )
        links = portal.links(one, other)
        assert links
        assert set(links) <= here
        assert {each for ids in links.values() for each in ids} <= there


def test_the_list_carries_truncated_links(served: Client) -> None:
    rows = served.objects("deals", associations="contacts,companies").json()["results"]
    links = served.server.sandbox.view.portal.links("deals", "contacts")
    for row in rows:
        told = row.get("associations", {}).get("contacts", {"results": []})["results"]
        assert [each["id"] for each in told] == links.get(row["id"], [])
        assert {each["type"] for each in told} <= {"deal_to_contact"}


def test_owners_pipelines_and_properties(served: Client) -> None:
    owners = served.hubspot("/crm/owners/2026-09", limit=2).json()
    assert len(owners["results"]) == 2
    more = served.hubspot("/crm/owners/2026-09", limit=500, after=owners["paging"]["next"]["after"]).json()
    ids = {row["id"] for row in [*owners["results"], *more["results"]]}
    frame = served.server.sandbox.view.snapshot.owners
    assert ids == set(frame.loc[~frame["archived"], "owner_id"])
    assert served.hubspot("/crm/owners/2026-09", archived="true").json()["results"] == []
    refused(served.hubspot("/crm/owners/2026-09", limit=501), 400, "VALIDATION_ERROR")
    stages = served.hubspot("/crm/pipelines/2026-09/deals").json()["results"][0]["stages"]
    assert [stage["metadata"] for stage in stages if stage["id"] == "closedwon"] == [
        {"isClosed": "true", "probability": "1.0"}
    ]
    names = {row["name"]: row["type"] for row in served.hubspot("/crm/properties/2026-09/contacts").json()["results"]}
    assert names["hs_lifecyclestage_lead_date"] == "datetime"
    assert {"ga_client_id", "user_key", "is_test", "hs_merged_object_ids"} <= set(names)


def test_limits_are_announced_and_enforced(serve: Any) -> None:
    client = serve(limits=replace(FAST, hubspot_per_ten_seconds=5, hubspot_searches_per_second=2))
    first = client.objects("contacts")
    assert first.headers["X-HubSpot-RateLimit-Max"] == "5"
    assert first.headers["X-HubSpot-RateLimit-Remaining"] == "4"
    searches = [client.search("contacts", limit=1) for _ in range(3)]
    assert [response.status_code for response in searches] == [200, 200, 429]
    assert refused(searches[2], 429, "RATE_LIMITS") == "You have reached your secondly limit."
    assert not any("ratelimit" in name or name == "retry-after" for name in searches[2].headers)
    calls = [client.objects("contacts").status_code for _ in range(4)]
    assert calls == [200, 200, 429, 429]
