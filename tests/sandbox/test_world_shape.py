"""The company is plausible and awkward in the ways the pipeline must survive: histories, merges, gaps, sizes."""

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from sandbox.world import Snapshot, World

START, UNTIL = date(2025, 3, 1), date(2026, 3, 1)


@cache
def told() -> Snapshot:
    return World(seed=5, start=START, scale=0.2).snapshot(UNTIL)


def test_stage_history_starts_at_creation_and_ends_at_the_current_stage() -> None:
    history = told().property_history
    stages = history[(history["object_type"] == "deal") & (history["property"] == "dealstage")].sort_values(
        "changed_at"
    )
    by_deal = stages.groupby("object_id")
    deals = told().deals.set_index("deal_id")
    first, last = by_deal.first(), by_deal.last()
    assert first.index.sort_values().equals(deals.index.sort_values())
    assert (first["changed_at"] == deals["created_at"].loc[first.index]).all()
    assert (first["value"] == "appointmentscheduled").all()
    assert (last["value"] == deals["stage"].loc[last.index]).all()
    closed = deals["stage"].isin(["closedwon", "closedlost"])
    assert (deals.loc[closed, "close_date"] == last["changed_at"].loc[deals.index[closed]]).all()
    assert not stages.duplicated(["object_id", "changed_at"]).any()


def test_amount_history_ends_at_the_current_amount() -> None:
    history = told().property_history
    amounts = history[(history["object_type"] == "deal") & (history["property"] == "amount")].sort_values("changed_at")
    last = amounts.groupby("object_id")["value"].last().astype(float)
    deals = told().deals.set_index("deal_id")
    assert (last == deals["amount"].loc[last.index]).all()
    assert amounts.groupby("object_id").size().max() > 1


def test_deals_skip_stages_and_are_reopened() -> None:
    history = told().property_history
    stages = history[(history["object_type"] == "deal") & (history["property"] == "dealstage")]
    values = stages.sort_values("changed_at").groupby("object_id")["value"].agg(list)
    won = values[values.map(lambda path: path[-1] == "closedwon")]
    assert (won.map(len) < 6).any(), "no won deal skipped a stage"
    closed_then_open = values.map(lambda path: any(stage.startswith("closed") for stage in path[:-1]))
    reopened = values[closed_then_open]
    assert {path[-1] for path in reopened} >= {"closedwon", "closedlost"}
    assert any("closedwon" in path[:-1] for path in reopened), "no won deal was reopened"


def test_meeting_history_ends_at_the_present_state() -> None:
    history = told().property_history
    meetings = told().meetings.set_index("meeting_id")
    mine = history[history["object_type"] == "meeting"].sort_values("changed_at")
    last = mine.groupby(["object_id", "property"])["value"].last().unstack()
    assert (last["hs_meeting_outcome"] == meetings["outcome"].loc[last.index]).all()
    starts = pd.to_datetime(last["hs_meeting_start_time"], utc=True)
    assert (starts == meetings["start_at"].loc[last.index]).all()
    assert {"COMPLETED", "NO_SHOW", "CANCELED", "SCHEDULED"} == set(meetings["outcome"])
    assert (mine["value"] == "RESCHEDULED").any()
    # By the next morning every meeting that was due has an outcome.
    past = meetings["start_at"] < pd.Timestamp(UNTIL).tz_localize("Europe/Paris")
    assert (meetings.loc[past & meetings["archived_at"].isna(), "outcome"] != "SCHEDULED").all()


def test_contracts_of_a_company_never_overlap() -> None:
    contracts = told().subscriptions.sort_values(["company_id", "started_on"])
    following = contracts.groupby("company_id")["started_on"].shift(-1)
    ends = contracts["ended_on"]
    has_next = following.notna()
    assert (ends[has_next] <= following[has_next]).all()
    assert (contracts["ended_on"].isna() | (contracts["ended_on"] > contracts["started_on"])).all()
    assert (ends[has_next] == following[has_next]).any(), "nobody changed the price"
    assert (ends[has_next] < following[has_next]).any(), "nobody came back"
    assert contracts.groupby("company_id")["currency"].nunique().max() == 1


def test_merges_keep_the_earliest_dates_and_move_what_belongs() -> None:
    contacts = told().contacts.set_index("contact_id")
    losers = contacts[contacts["merged_into"].notna()]
    heirs = contacts.loc[losers["merged_into"]]
    assert len(losers) > 5
    assert heirs["merged_into"].isna().all()
    assert (heirs["created_at"].to_numpy() <= losers["created_at"].to_numpy()).all()
    has_lead = losers["lead_at"].notna().to_numpy()
    assert (heirs["lead_at"].to_numpy()[has_lead] <= losers["lead_at"].to_numpy()[has_lead]).all()
    for name in ("deal_contacts", "meetings", "calls", "crm_emails"):
        assert not told().frames()[name]["contact_id"].isin(losers.index).any(), name
    companies = told().companies.set_index("company_id")
    merged = companies[companies["merged_into"].notna()]
    assert len(merged) > 2
    assert not contacts.loc[contacts["merged_into"].isna(), "company_id"].isin(merged.index).any()


def test_references_exist() -> None:
    world = told()
    contacts, companies, deals = (
        set(world.contacts["contact_id"]),
        set(world.companies["company_id"]),
        set(world.deals["deal_id"]),
    )
    assert set(world.contacts["company_id"].dropna()) <= companies
    assert set(world.deals["company_id"]) <= companies
    assert set(world.subscriptions["company_id"]) <= companies
    assert set(world.deal_contacts["contact_id"]) <= contacts
    assert set(world.deal_contacts["deal_id"]) == deals
    assert (world.deal_contacts.groupby("deal_id")["position"].min() == 0).all()
    for name in ("meetings", "calls"):
        frame = world.frames()[name]
        assert set(frame["contact_id"]) <= contacts
        assert set(frame["company_id"].dropna()) <= companies
        assert set(frame["deal_id"].dropna()) <= deals
    owners = set(world.owners["owner_id"])
    assert set(world.contacts["owner_id"].dropna()) | set(world.deals["owner_id"]) <= owners
    assert set(world.ad_spend["campaign"]) <= set(world.sessions["campaign"].dropna())


def test_mail_stops_at_unsubscribe_and_hard_bounce() -> None:
    world = told()
    lists = world.email_campaigns.set_index("campaign_id")["list_id"]
    sends = world.email_sends.assign(list_id=world.email_sends["campaign_id"].map(lists))
    left = world.email_unsubscribes.assign(list_id=world.email_unsubscribes["campaign_id"].map(lists))
    after = sends.merge(left[["list_id", "email", "at"]], on=["list_id", "email"])
    assert (after["sent_at"] < after["at"]).all()
    hard = sends[sends["bounce"] == "hard"].groupby(["list_id", "email"])["sent_at"].min().rename("bounced")
    bounced = sends.merge(hard, on=["list_id", "email"])
    assert (bounced["sent_at"] <= bounced["bounced"]).all()
    activity = world.email_activity.merge(
        sends[["campaign_id", "email", "sent_at", "bounce"]], on=["campaign_id", "email"]
    )
    assert (activity["at"] > activity["sent_at"]).all()
    assert activity["bounce"].isna().all()
    assert world.email_activity.loc[world.email_activity["is_machine"], "ip"].str.startswith("17.").all()
    assert not world.email_activity.loc[~world.email_activity["is_machine"], "ip"].str.startswith("17.").any()


def test_money_is_in_cents_and_rates_cover_every_day() -> None:
    world = told()
    for name, column in (
        ("deals", "amount"),
        ("subscriptions", "mrr"),
        ("ad_spend", "spend"),
        ("marketing_costs", "amount"),
    ):
        cents = world.frames()[name][column] * 100
        assert np.allclose(cents, cents.round(), atol=1e-6), name
        assert (world.frames()[name][column] >= 0).all()
    days = world.fx_rates[world.fx_rates["currency"] == "USD"]["date"]
    assert days.min() <= world.subscriptions["started_on"].min()
    assert (days.diff().dropna() == pd.Timedelta(days=1)).all()
    assert days.max() == pd.Timestamp(UNTIL) - pd.Timedelta(days=1)
    assert {"EUR", "USD"} == set(world.deals["currency"])


def test_people_are_awkward() -> None:
    world = told()
    consent = world.sessions["consented"].mean()
    assert 0.7 < consent < 0.82
    clients = world.sessions.dropna(subset=["contact_id"]).groupby("contact_id")["client_id"].nunique()
    assert (clients > 1).mean() > 0.1, "nobody lost a cookie"
    shared = world.contacts["ga_client_id"].dropna()
    assert shared.duplicated().any(), "nobody borrowed a browser"
    assert world.contacts["is_test"].any()
    assert world.contacts["archived_at"].notna().any()
    assert world.deals["archived_at"].notna().any()
    assert (world.contacts["mql_at"].isna() & world.contacts["sql_at"].notna()).any(), "nobody skipped a stage"
    assert world.companies["employees"].isna().any()
    assert (world.sessions["user_id"].notna() & world.sessions["consented"]).any()


@pytest.mark.slow
def test_size_of_the_whole_company() -> None:
    world = World(start=date(2024, 11, 1)).snapshot(date(2026, 11, 1))
    assert 17_000 < len(world.contacts) < 24_000
    assert 260_000 < len(world.observable_sessions) < 400_000
    assert 2_500 < len(world.deals) < 3_600
    mails = len(world.email_sends) + len(world.email_activity) + len(world.email_unsubscribes)
    assert 420_000 < mails < 650_000
