"""A company that moved: the old CRM stands still, the new one begins with an import."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sandbox.apis import pipedrive_fields as schema
from sandbox.apis.pipedrive_deals import Deals
from sandbox.move import IMPORTED_AFTER, Move, own_id
from sandbox.vendors import VENDORS
from tests.sandbox.conftest import UNTIL, WORLD, Client
from tests.sandbox.test_apis_pipedrive import listed

MOVE = Move(date(2026, 8, 12), "hubspot", "pipedrive")
IMPORTED = {each.setting: each.key for each in schema.CUSTOM["deals"]}["IMPORTED_ID_FIELD"]


@pytest.fixture
def moved(serve: Any, tmp_path: Path) -> Client:
    client: Client = serve(home=tmp_path, moved=MOVE)
    return client


def _deals(client: Client) -> list[dict[str, Any]]:
    return [*listed(client, "deals"), *listed(client, "deals/archived")]


def test_until_the_day_there_is_one_crm(serve: Any) -> None:
    client: Client = serve(until=MOVE.day, moved=MOVE)
    assert all(deal["custom_fields"][IMPORTED] is None for deal in _deals(client))


def test_the_old_crm_answers_what_it_held_when_the_day_began(moved: Client, served: Client) -> None:
    then = WORLD.snapshot(MOVE.day)
    assert moved.search("deals").json()["total"] == then.deals["archived_at"].isna().sum()
    assert served.search("deals").json()["total"] > moved.search("deals").json()["total"]
    portal = moved.server.sandbox.view.portal
    assert max(filter(None, portal.records("contacts").updated)) < MOVE.began.isoformat()


def test_people_say_in_the_old_crm_how_meetings_went_that_were_booked_there(moved: Client) -> None:
    then, now = (WORLD.snapshot(day).meetings.set_index("meeting_id") for day in (MOVE.day, UNTIL))
    to_come = then.index[then["outcome"] == "SCHEDULED"]
    said = moved.server.sandbox.view.portal.records("meetings")
    outcomes = dict(zip(said.ids, said.columns["hs_meeting_outcome"], strict=True))
    assert {*outcomes} == {*then.index}
    assert len(to_come) > 1
    assert {id_: outcomes[id_] for id_ in to_come} == {id_: now.at[id_, "outcome"] for id_ in to_come}


def test_deals_of_before_have_an_id_of_their_own_and_name_the_old_one(moved: Client) -> None:
    then = WORLD.snapshot(MOVE.day)
    standing = then.deals[then.deals["archived_at"].isna()].set_index("deal_id")
    told = {deal["custom_fields"][IMPORTED]: deal for deal in _deals(moved)}
    new = [deal for deal in _deals(moved) if deal["custom_fields"][IMPORTED] is None]
    kept = WORLD.snapshot(UNTIL).deals.set_index("deal_id")["archived_at"]
    assert {*told} - {None} == {id_ for id_ in standing.index if pd.isna(kept[id_])}
    assert new and all(pd.Timestamp(deal["add_time"]) >= MOVE.began for deal in new)
    for id_ in {*told} - {None}:
        assert str(told[id_]["id"]) == own_id(id_) != id_
        assert pd.Timestamp(told[id_]["add_time"]) == standing.at[id_, "created_at"].floor("s")
        assert pd.Timestamp(told[id_]["update_time"]) >= MOVE.began + IMPORTED_AFTER


def test_the_new_crm_saw_nothing_before_the_import(moved: Client) -> None:
    deals: Deals = moved.server.sandbox.view.pipedrive.deals
    changes = [change for log in deals.changelogs.values() for change in log]
    assert changes and min(pd.Timestamp(each["time"], tz="UTC") for each in changes) >= MOVE.began + IMPORTED_AFTER
    activities = listed(moved, "activities")
    assert activities and min(pd.Timestamp(each["add_time"]) for each in activities) >= MOVE.began


def test_closed_deals_keep_when_they_were_closed(moved: Client) -> None:
    then = WORLD.snapshot(MOVE.day)
    won = then.deals[(then.deals["stage"] == "closedwon") & then.deals["archived_at"].isna()].set_index("deal_id")
    told = {deal["custom_fields"][IMPORTED]: deal["won_time"] for deal in _deals(moved) if deal["status"] == "won"}
    same = [pd.Timestamp(told[id_]) == at.floor("s") for id_, at in won["close_date"].items() if id_ in told]
    assert len(same) > len(won) / 2 and all(same)


def test_records_are_linked_to_records_of_the_new_crm(moved: Client) -> None:
    persons = {person["id"] for person in listed(moved, "persons")}
    organizations = {organization["id"] for organization in listed(moved, "organizations")}
    users = {user["id"] for user in moved.pipedrive("/v1/users").json()["data"]}
    deals = _deals(moved)
    assert {deal["person_id"] for deal in deals} <= persons | {None}
    assert {deal["org_id"] for deal in deals} <= organizations | {None}
    assert {deal["owner_id"] for deal in deals} <= users
    assert sum(deal["org_id"] is not None for deal in deals) > len(deals) / 2


def test_billing_knows_customers_by_the_crm_they_were_first_known_in(moved: Client, tmp_path: Path) -> None:
    customers = pd.read_csv(tmp_path / "sandbox" / "spreadsheets" / "subscriptions.csv")["customer_id"]
    known = {*WORLD.snapshot(MOVE.day).companies["company_id"]}
    old, new = customers[customers.str.startswith("hubspot:")], customers[customers.str.startswith("pipedrive:")]
    assert len(old) + len(new) == len(customers) and len(old) > 0
    assert {each.partition(":")[2] for each in old} <= known


@pytest.mark.parametrize(("before", "after"), [("pipedrive", "salesforce"), ("salesforce", "hubspot")])
def test_any_crm_may_follow_any_other(before: str, after: str, serve: Any, tmp_path: Path) -> None:
    """Deals and customers of before carry ids as that CRM spells them, later customers those of the new one."""
    move, spelled = Move(date(2026, 4, 15), before, after), VENDORS[before]
    view = serve(home=tmp_path, moved=move).server.sandbox.view
    told = {
        "salesforce": lambda: view.org.records("Opportunity").column("Id_In_CRM_Before__c"),
        "hubspot": lambda: view.portal.records("deals").columns["id_in_crm_before"],
    }[after]()
    then, now = WORLD.snapshot(move.day), WORLD.snapshot(UNTIL)
    standing = then.deals["deal_id"][then.deals["archived_at"].isna()]
    assert {*told} - {None} == {spelled.deal_id(id_) for id_ in standing}
    assert sum(each is None for each in told) == len(now.deals) - len(then.deals) > 0
    customers = pd.read_csv(tmp_path / "sandbox" / "spreadsheets" / "subscriptions.csv")["customer_id"]
    old = customers[customers.str.startswith(f"{before}:")].str.partition(":")[2]
    assert 0 < len(old) < len(customers) == len(old) + customers.str.startswith(f"{after}:").sum()
    assert spelled.company_id is not None
    assert {*old} <= {spelled.company_id(id_) for id_ in then.companies["company_id"]}
