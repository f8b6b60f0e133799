"""What staging makes of Pipedrive is what the company did: stages with won and lost, amounts, outcomes, links."""

import datetime as dt
import os
from collections.abc import Iterator
from unittest import mock

import pandas as pd
import pytest

from ingestion import lake
from ingestion.settings import reload
from sandbox.apis import pipedrive_fields as schema
from sandbox.apis.pipedrive_activities import activity_id
from sandbox.changes import Change
from sandbox.server import running
from sandbox.world import Snapshot, World
from tests.dbt_project.warehouse import Warehouse
from tests.ingestion.conftest import END, START, environment

DAY = END - dt.timedelta(days=1)
CHANGES = (
    Change("deal_reopened", DAY),
    Change("deal_reopened", DAY, 2),
    Change("deal_won", DAY),
    Change("deal_amount", DAY, 4),
)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Warehouse, Snapshot]]:
    """Staging of a company pulled twice, with deals reopened and won between, and what the company knows."""
    home = tmp_path_factory.mktemp("staged")
    with (
        running(World(seed=7, start=START, scale=0.15), DAY, home=home / "company") as company,
        mock.patch.dict(os.environ, environment(company, home) | {"KPILOTE_SOURCES": "pipedrive"}),
    ):
        warehouse = Warehouse(home)
        warehouse.settings = reload()
        lake.pull("pipedrive", START, DAY, settings=warehouse.settings)
        company.sandbox.changes = CHANGES
        company.advance(END)
        lake.pull("pipedrive", START, END, settings=warehouse.settings)
        warehouse.dbt("run", "--select", "staging.pipedrive")
        yield warehouse, company.sandbox.view.snapshot
    reload()


def test_the_history_of_deals_is_the_companys(staged: tuple[Warehouse, Snapshot]) -> None:
    warehouse, company = staged
    standing = set(company.deals.loc[company.deals["archived_at"].isna(), "deal_id"])
    history = company.property_history[company.property_history["object_id"].isin(standing)]
    expected = []
    for change in history.to_dict("records"):
        value, at = change["value"], change["changed_at"].floor("s").tz_localize(None).to_pydatetime()
        if change["property"] == "dealstage":
            stage = schema.STATUSES.get(value) or str(schema.STAGE_IDS[value])
            expected.append((f"pipedrive:{change['object_id']}", "stage", stage, at))
        else:
            expected.append((f"pipedrive:{change['object_id']}", "amount", f"{float(value):.2f}", at))
    told = warehouse.rows(
        "select object_id, property, value, changed_at from staging.stg_pipedrive__history where object_type = 'deal'"
        " and object_id in (select deal_id from staging.stg_pipedrive__deals where not is_archived)"
    )
    assert sorted(told) == sorted(expected)
    assert {row[2] for row in told if row[1] == "stage"} >= {"won", "lost", "910001"}


def test_deals_stand_where_the_company_has_them(staged: tuple[Warehouse, Snapshot]) -> None:
    warehouse, company = staged
    deals = company.deals[company.deals["archived_at"].isna()]
    expected = {
        f"pipedrive:{deal['deal_id']}": schema.STATUSES.get(deal["stage"]) or str(schema.STAGE_IDS[deal["stage"]])
        for deal in deals.to_dict("records")
    }
    told = warehouse.rows("select deal_id, stage_id from staging.stg_pipedrive__deals where not is_archived")
    assert dict(told) == expected


def test_meetings_ended_when_the_company_says(staged: tuple[Warehouse, Snapshot]) -> None:
    warehouse, company = staged
    meetings = company.meetings[company.meetings["archived_at"].isna()]
    outcomes = company.property_history[company.property_history["property"] == "hs_meeting_outcome"]
    ended = outcomes.sort_values("changed_at").groupby("object_id")["changed_at"].last()
    expected = {}
    for meeting in meetings.to_dict("records"):
        id_ = f"pipedrive:{activity_id(meeting['meeting_id'], 0)}"
        if meeting["outcome"] != "SCHEDULED":
            at: pd.Timestamp = ended[meeting["meeting_id"]]
            expected[id_] = (meeting["outcome"].lower(), at.floor("s").tz_localize(None).to_pydatetime())
    told = warehouse.rows(
        "select object_id, value, changed_at from staging.stg_pipedrive__history"
        " where property = 'outcome' and value != 'scheduled'"
    )
    assert {id_: (value, at) for id_, value, at in told} == expected


def test_merged_persons_are_named_by_their_survivor(staged: tuple[Warehouse, Snapshot]) -> None:
    warehouse, company = staged
    merged = company.contacts[company.contacts["merged_into"].notna()]
    into = {
        f"pipedrive:{loser['contact_id']}": f"pipedrive:{loser['merged_into']}" for loser in merged.to_dict("records")
    }
    told = warehouse.rows("select contact_id, unnest(merged_ids) from staging.stg_pipedrive__contacts")
    assert told == [(into[loser], loser) for _, loser in told]
    held = {id_ for (id_,) in warehouse.rows("select contact_id from staging.stg_pipedrive__contacts")}
    assert {loser for _, loser in told} == held & set(into)
    archived = warehouse.rows("select contact_id from staging.stg_pipedrive__contacts where is_archived")
    assert not {id_ for (id_,) in archived} & set(into)
