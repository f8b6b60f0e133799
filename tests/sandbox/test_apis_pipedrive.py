"""Pipedrive as Pipedrive is: two versions of the API, statuses, custom fields by key, tokens, and its own refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from sandbox.apis import pipedrive_fields as schema
from sandbox.apis.pipedrive_deals import DELETED_FOR, SHELVED_AFTER
from sandbox.changes import Change
from sandbox.limits import FAST
from sandbox.state import Credentials
from tests.sandbox.conftest import UNTIL, Client

LISTS = ("persons", "organizations", "deals", "deals/archived", "activities", "stages", "pipelines")


def refused(response: Any, status: int) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert body["success"] is False
    assert body["errorCode"] == status
    assert body["error_info"]
    return str(body["error"])


def listed(client: Client, name: str, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.pipedrive(f"/api/v2/{name}", **{"limit": 20, **params, **cursor}).json()
        assert page["success"] is True
        rows += page["data"]
        if page["additional_data"]["next_cursor"] is None:
            return rows
        cursor = {"cursor": page["additional_data"]["next_cursor"]}


def live(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["archived_at"].isna() & frame["merged_into"].isna()]


def test_a_token_is_needed_and_its_scope_counts(served: Client, serve: Any) -> None:
    url = f"{served.server.base_url}/pipedrive/api/v2/persons"
    for headers in ({}, {"x-api-token": "wrong"}, {"Authorization": "Bearer sandbox-pipedrive-token"}):
        assert refused(served.raw("GET", url, headers=headers), 401) == "unauthorized access"
    client = serve(credentials=Credentials(pipedrive_tokens={"narrow": schema.ALL_SCOPES - {"deals:read"}}))
    assert client.pipedrive("/api/v2/persons").status_code == 200
    assert refused(client.pipedrive("/api/v2/deals"), 403) == "Scope and URL mismatch"
    refused(served.pipedrive("/v1/persons"), 404)
    refused(served.pipedrive("/v1/deals"), 404)


def test_pages_hold_every_record_that_stands_once(served: Client) -> None:
    snapshot = served.server.sandbox.view.snapshot
    for name, frame, key in (
        ("persons", snapshot.contacts, "contact_id"),
        ("organizations", snapshot.companies, "company_id"),
    ):
        assert [row["id"] for row in listed(served, name)] == sorted(int(each) for each in live(frame)[key])
    deals = snapshot.deals
    found = {name: {row["id"] for row in listed(served, name)} for name in ("deals", "deals/archived")}
    assert found["deals"] | found["deals/archived"] == set(
        deals.loc[deals["archived_at"].isna(), "deal_id"].astype(int)
    )
    assert not found["deals"] & found["deals/archived"]
    assert found["deals/archived"]
    standing = snapshot.meetings["archived_at"].isna().sum() + len(snapshot.calls) + len(snapshot.crm_emails)
    assert len({row["id"] for row in listed(served, "activities", limit=500)}) == standing


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_are_in_the_order_asked_for_whatever_shares_a_second(served: Client, name: str, direction: str) -> None:
    rows = listed(served, name, sort_by="update_time", sort_direction=direction, limit=7)
    keys = [(row["update_time"], row["id"]) for row in rows]
    assert keys == sorted(keys, reverse=direction == "desc")
    assert len({row["id"] for row in rows}) == len(rows)


def test_updated_since_is_at_or_after_and_until_before(served: Client) -> None:
    rows = listed(served, "persons", sort_by="update_time")
    middle = rows[len(rows) // 2]["update_time"]
    later = listed(served, "persons", sort_by="update_time", updated_since=middle)
    assert later == [row for row in rows if row["update_time"] >= middle]
    earlier = listed(served, "persons", sort_by="update_time", updated_until=middle)
    assert earlier == [row for row in rows if row["update_time"] < middle]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/api/v2/deals", {"limit": 501}), ("/api/v2/deals", {"limit": 0}), ("/api/v2/deals", {"start": 0}),
        ("/api/v2/deals", {"status": "closed"}), ("/api/v2/deals", {"sort_by": "title"}),
        ("/api/v2/deals", {"sort_direction": "ASC"}), ("/api/v2/deals", {"cursor": "x"}),
        ("/api/v2/deals", {"updated_since": "2026-06-01"}),
        ("/api/v2/deals", {"updated_since": "2026-06-01T00:00:00.000Z"}),
        ("/api/v2/deals", {"updated_since": "2026-06-01 00:00:00"}),
        ("/api/v2/deals", {"ids": ",".join(map(str, range(101)))}), ("/api/v2/deals", {"ids": "a"}),
        ("/api/v2/deals", {"custom_fields": ",".join("k" * n for n in range(1, 17))}),
        ("/api/v2/deals", {"include_fields": "everything"}), ("/api/v2/deals", {"owner_id": "me"}),
        ("/api/v2/persons", {"status": "open"}), ("/api/v2/activities", {"done": 1}),
        ("/api/v2/activities", {"custom_fields": "k"}), ("/api/v2/stages", {"updated_since": "2026-06-01T00:00:00Z"}),
        ("/v1/leads", {"cursor": "x"}), ("/v1/leads", {"limit": 501}), ("/v1/leads", {"sort": "add_time ASC"}),
        ("/v1/leads/archived", {"updated_since": "2026-06-01T00:00:00Z"}), ("/v1/users", {"limit": 1}),
        ("/v1/legacyTeams", {"skip_users": "true"}),
    ],
)  # fmt: skip
def test_what_pipedrive_does_not_take_is_refused(served: Client, path: str, params: dict[str, Any]) -> None:
    refused(served.pipedrive(path, **params), 400)


def test_filters_agree_with_the_records(served: Client) -> None:
    deals = listed(served, "deals")
    some = deals[::3]
    assert listed(served, "deals", ids=",".join(str(row["id"]) for row in some[:90])) == some[:90]
    owner = deals[0]["owner_id"]
    assert listed(served, "deals", owner_id=owner) == [row for row in deals if row["owner_id"] == owner]
    assert listed(served, "deals", status="won,lost") == [row for row in deals if row["status"] in ("won", "lost")]
    done = listed(served, "activities", done="false", limit=500)
    assert done
    assert {row["done"] for row in done} == {False}
    refused(served.pipedrive("/api/v2/deals", filter_id=1), 404)


def test_won_and_lost_are_a_status_and_the_stage_stays(served: Client) -> None:
    snapshot = served.server.sandbox.view.snapshot
    stages = {row["id"]: row["name"] for row in listed(served, "stages")}
    assert list(stages.values()) == [
        label
        for name, label in zip(*(snapshot.pipelines[each] for each in ("stage_id", "label")), strict=True)
        if name in schema.OPEN_STAGES
    ]
    history = snapshot.property_history[snapshot.property_history["property"] == "dealstage"]
    last = (
        history[history["value"].isin(schema.OPEN_STAGES)]
        .sort_values("changed_at")
        .groupby("object_id")["value"]
        .last()
    )
    truth = snapshot.deals.set_index("deal_id")
    rows = [*listed(served, "deals"), *listed(served, "deals/archived")]
    assert {row["status"] for row in rows} == {"open", "won", "lost"}
    for row in rows:
        deal = truth.loc[str(row["id"])]
        assert row["status"] == schema.STATUSES.get(deal["stage"], "open")
        assert row["stage_id"] == schema.STAGE_IDS[last[str(row["id"])]]
        assert (row["won_time"] is not None, row["lost_time"] is not None) == (
            row["status"] == "won",
            row["status"] == "lost",
        )
        assert row["value"] == pytest.approx(deal["amount"])


def test_archived_deals_are_shelved_and_deleted_ones_are_told_for_thirty_days(served: Client, serve: Any) -> None:
    now = pd.Timestamp(UNTIL, tz="Europe/Paris")
    for row in listed(served, "deals/archived"):
        assert row["is_archived"] is True
        assert row["is_deleted"] is False
        assert pd.Timestamp(row["archive_time"]) == pd.Timestamp(row["close_time"]) + SHELVED_AFTER < now
        assert row["update_time"] >= row["archive_time"]
    client = serve(
        changes=[
            Change("deal_archived", UNTIL - timedelta(days=2)),
            Change("deal_archived", UNTIL - timedelta(days=2), -1),  # the oldest deal, shelved long ago
            Change("deal_archived", UNTIL - DELETED_FOR.to_pytimedelta() - timedelta(days=2), 1),
        ]
    )
    deals = client.server.sandbox.view.snapshot.deals
    gone = deals[deals["archived_at"].notna()]
    recent = gone[gone["archived_at"] > now - DELETED_FOR]
    assert 0 < len(recent) < len(gone)
    told = {path: listed(client, path, status="deleted") for path in ("deals", "deals/archived")}
    deleted = [row for rows in told.values() for row in rows]
    assert {row["id"] for row in deleted} == set(recent["deal_id"].astype(int))
    assert all(row["is_deleted"] for row in deleted)
    assert all(row["is_archived"] is (path == "deals/archived") for path, rows in told.items() for row in rows)
    assert all(told.values()), "each list tells of those that were in it"
    refused(client.pipedrive(f"/v1/deals/{recent['deal_id'].iat[0]}/changelog"), 404)


def test_a_changelog_replays_to_the_history_of_the_deal(serve: Any) -> None:
    served = serve(changes=[Change("deal_reopened", UNTIL - timedelta(days=3), each) for each in range(3)])
    history = served.server.sandbox.view.snapshot.property_history
    reopened = 0
    for deal in [*listed(served, "deals"), *listed(served, "deals/archived")]:
        log = served.pipedrive(f"/v1/deals/{deal['id']}/changelog").json()["data"]
        assert [row["time"] for row in log] == sorted((row["time"] for row in log), reverse=True)
        known = history[(history["object_id"] == str(deal["id"])) & (history["property"] == "dealstage")].sort_values(
            "changed_at"
        )
        entered = [row for row in reversed(log) if row["field_key"] in ("stage_id", "status")]
        first = next((row["old_value"] for row in entered if row["field_key"] == "stage_id"), str(deal["stage_id"]))
        states: dict[str, str] = {log[-1]["time"]: first}
        stage, status = first, "open"
        for row in entered:
            stage = row["new_value"] if row["field_key"] == "stage_id" else stage
            status = row["new_value"] if row["field_key"] == "status" else status
            reopened += row["old_value"] in ("won", "lost")
            states[row["time"]] = status if status != "open" else stage
        expected = [schema.STATUSES.get(value) or str(schema.STAGE_IDS[value]) for value in known["value"]]
        assert list(states.values()) == expected
        assert [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in known["changed_at"]] == list(states)
        assert log[-1]["field_key"] == "add_time"
    assert reopened


def test_a_changelog_pages_by_cursor(served: Client) -> None:
    longest = max(served.server.sandbox.view.pipedrive.deals.changelogs.items(), key=lambda item: len(item[1]))[0]
    path = f"/v1/deals/{longest}/changelog"
    whole, found, cursor = served.pipedrive(path).json()["data"], [], {}
    while True:
        page = served.pipedrive(path, limit=2, **cursor).json()
        found += page["data"]
        if not page["additional_data"]["next_cursor"]:
            break
        cursor = {"cursor": page["additional_data"]["next_cursor"]}
    assert found == whole
    assert len(whole) > 2


def test_custom_fields_are_keys_and_options_numbers(served: Client) -> None:
    fields = {row["field_name"]: row for row in served.pipedrive("/api/v2/personFields", limit=500).json()["data"]}
    key = fields["MQL date"]["field_code"]
    assert len(key) == 40
    assert fields["MQL date"]["is_custom_field"]
    contacts = served.server.sandbox.view.snapshot.contacts.set_index("contact_id")
    labels = {option["id"]: option["label"] for option in fields["Lifecycle stage"]["options"]}
    persons = listed(served, "persons")
    assert any(row["custom_fields"][key] for row in persons)
    for row in persons:
        contact = contacts.loc[str(row["id"])]
        told = row["custom_fields"][key]
        assert (told is None) == pd.isna(contact["mql_at"])
        assert told is None or pd.Timestamp(told) == contact["mql_at"].floor("ms")
        assert labels[row["custom_fields"][fields["Lifecycle stage"]["field_code"]]] == contact["lifecycle_stage"]
        assert row["first_name"] == contact["first_name"]
        assert row["phones"][0]["value"] == contact["phone"]
    assert {*listed(served, "persons", custom_fields=key)[0]["custom_fields"]} == {key}
    paged: list[str] = []
    cursor: dict[str, str] = {}
    while len(paged) < len(fields):
        page = served.pipedrive("/api/v2/personFields", limit=3, **cursor).json()
        paged += [row["field_name"] for row in page["data"]]
        cursor = {"cursor": page["additional_data"]["next_cursor"]}
    assert paged == list(fields)


def test_a_merge_leaves_the_survivor_both_addresses_and_nothing_of_the_loser(served: Client) -> None:
    contacts = served.server.sandbox.view.snapshot.contacts
    merged = contacts[contacts["merged_into"].notna() & contacts["archived_at"].isna()]
    assert len(merged)
    persons = {row["id"]: row for row in listed(served, "persons")}
    own = contacts.set_index("contact_id")["email"]
    for _, loser in merged.iterrows():
        assert int(loser["contact_id"]) not in persons
        emails = persons[int(loser["merged_into"])]["emails"]
        assert emails[0] == {"value": own[loser["merged_into"]], "primary": True, "label": "work"}
        assert loser["email"] in [each["value"] for each in emails[1:]]


def test_participants_are_the_people_of_the_deal_primary_first(served: Client) -> None:
    pairs = served.server.sandbox.view.snapshot.deal_contacts
    persons = {row["id"] for row in listed(served, "persons")}
    for deal in listed(served, "deals", include_fields="participants_count"):
        known = pairs[pairs["deal_id"] == str(deal["id"])].sort_values("position")["contact_id"].astype(int)
        expected = [each for each in known if each in persons]
        rows = served.pipedrive(f"/v1/deals/{deal['id']}/participants", limit=500).json()["data"]
        assert [row["person_id"]["value"] for row in rows] == expected
        assert deal["participants_count"] == len(expected)
        assert deal["person_id"] == (expected[0] if expected else None)
    assert "participants_count" not in listed(served, "deals")[0]


def test_meetings_tell_their_outcome_by_type_and_mark(served: Client) -> None:
    snapshot = served.server.sandbox.view.snapshot
    history = snapshot.property_history[snapshot.property_history["property"] == "hs_meeting_outcome"]
    decided = history.sort_values("changed_at").groupby("object_id")["changed_at"].last()
    meetings = snapshot.meetings[snapshot.meetings["archived_at"].isna()].set_index("meeting_id")
    rows = {row["id"]: row for row in listed(served, "activities", limit=500)}
    assert {"COMPLETED", "NO_SHOW", "CANCELED", "SCHEDULED"} <= set(meetings["outcome"])
    for id_, meeting in meetings.iterrows():
        row = rows[int(str(id_)) * 4]
        suffix = {"NO_SHOW": "_no_show", "CANCELED": "_canceled"}.get(meeting["outcome"], "")
        assert row["type"] == meeting["kind"] + suffix
        assert row["done"] is (meeting["outcome"] != "SCHEDULED")
        assert f"{row['due_date']} {row['due_time']}" == f"{meeting['start_at']:%Y-%m-%d %H:%M:%S}"
        assert (row["marked_as_done_time"] or "")[:19] == (f"{decided[id_]:%Y-%m-%dT%H:%M:%S}" if row["done"] else "")


def test_leads_are_qualified_people_without_a_deal(served: Client) -> None:
    contacts = served.server.sandbox.view.snapshot.contacts.set_index("contact_id")
    pages = {path: served.pipedrive(path, limit=500).json() for path in ("/v1/leads", "/v1/leads/archived")}
    for path, page in pages.items():
        assert page["data"]
        assert {row["is_archived"] for row in page["data"]} == {path.endswith("archived")}
        for row in page["data"]:
            assert pd.isna(contacts.loc[str(row["person_id"]), "opportunity_at"])
            assert contacts.loc[str(row["person_id"]), "last_name"] not in row["title"]
    rows = pages["/v1/leads"]["data"]
    assert [row["add_time"] for row in rows] == sorted(row["add_time"] for row in rows)
    page = served.pipedrive("/v1/leads", limit=2, start=1).json()
    assert page["data"] == rows[1:3]
    assert page["additional_data"] == {"start": 1, "limit": 2, "more_items_in_collection": len(rows) > 3}
    since = rows[-1]["update_time"][:19] + "Z"
    assert rows[-1] in served.pipedrive("/v1/leads", updated_since=since).json()["data"]


def test_users_and_teams(served: Client) -> None:
    owners = served.server.sandbox.view.snapshot.owners
    users = served.pipedrive("/v1/users").json()["data"]
    assert {row["id"]: row["active_flag"] for row in users} == {
        int(owner["owner_id"]): not owner["archived"] for owner in owners.to_dict("records")
    }
    teams = served.pipedrive("/v1/legacyTeams").json()["data"]
    assert {(row["name"], each) for row in teams for each in row["users"]} == {
        (owner["team"], int(owner["owner_id"])) for owner in owners.to_dict("records")
    }
    assert "users" not in served.pipedrive("/v1/legacyTeams", skip_users=1).json()["data"][0]


def test_bursts_and_the_days_tokens_are_announced_and_enforced(serve: Any) -> None:
    client = serve(limits=replace(FAST, pipedrive_per_two_seconds=3, pipedrive_tokens_per_day=55))
    first = client.pipedrive("/api/v2/persons", limit=1)
    assert first.headers["x-ratelimit-limit"] == "3"
    assert first.headers["x-ratelimit-remaining"] == "2"
    assert first.headers["x-daily-ratelimit-token-remaining"] == "45"
    assert client.pipedrive("/v1/leads", limit=1).headers["x-daily-ratelimit-token-remaining"] == "25"
    assert client.pipedrive("/api/v2/stages", limit=1).headers["x-daily-ratelimit-token-remaining"] == "20"
    burst = client.pipedrive("/api/v2/stages", limit=1)
    assert refused(burst, 429) == "request over limit"
    assert burst.headers["Retry-After"] == "1"
    client.server.sandbox.counters.pipedrive_burst.allowed = 1_000
    spent = client.pipedrive("/v1/leads/archived", limit=1)
    refused(spent, 429)
    assert spent.headers["x-daily-ratelimit-token-remaining"] == "20"


def test_ids_are_the_same_on_every_day(served: Client, serve: Any) -> None:
    earlier = serve(until=date(2026, 7, 1))
    before = {row["id"]: row["add_time"] for row in listed(earlier, "persons")}
    now = {row["id"]: row["add_time"] for row in listed(served, "persons")}
    kept = before.keys() & now.keys()
    assert len(kept) > len(before) * 0.9
    assert sum(before[each] == now[each] for each in kept) > len(kept) * 0.9
