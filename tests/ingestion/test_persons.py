"""Who one person is over several CRMs: the lake's answer, by which people are erased, is that of the models."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from ingestion import identity
from ingestion.persons import Rules
from tests.dbt_project.warehouse import Warehouse

DAYS = [dt.datetime(2026, 3, day, 8, tzinfo=dt.UTC) for day in range(1, 10)]
WHOLE = [(DAYS[0].date(), DAYS[-1].date())]
# Two contacts of one CRM that an address joins are two to some models, and erased together: an address is one person.
TOGETHER = ({"hubspot:9", "hubspot:10"}, {"hubspot:11", "hubspot:12", "pipedrive:11"}, {"hubspot:15", "pipedrive:15"},
            {"hubspot:17", *(f"pipedrive:{number}" for number in (17, 18, 19))})  # fmt: skip
# As small as it takes to meet them with few rows.
LIMITS = {
    "most_records_per_value": 3,
    "most_records_per_survivor": 4,
    "most_persons_per_browser": 2,
    "most_browsers_per_login": 2,
}
Rows = Mapping[str, Mapping[str, Any]]


class Models(NamedTuple):
    """A warehouse, and the rules it was built by."""

    warehouse: Warehouse
    rules: Rules


def contact(day: int, email: str, client: str | None = None, **more: Any) -> dict[str, Any]:
    """Somebody known since a day."""
    return {"created_at": DAYS[day], "updated_at": DAYS[-1], "email_hash": email, "archived": False, "is_test": False,
            "client": client, **more}  # fmt: skip


# A browser is named after what it is to show.
HUBSPOT: Rows = {
    "1": contact(5, "both", "known early by the other CRM"),
    "2": contact(3, "guest", "known early by the other CRM"),
    "3": contact(6, "kept", "of a merge that nobody tells"),
    "4": contact(4, "other", "of a merge that nobody tells"),
    "5": contact(2, "gone-only", "archived here, standing there", archived=True),
    "6": contact(4, "third", "archived here, standing there"),
    "7": contact(1, "test", "of a test in the first CRM"),
    "8": contact(3, "fourth", "of a test in the first CRM"),
    "11": contact(1, "two", "of one whom the other CRM has under two addresses"),
    "12": contact(3, "second", "of one whom the other CRM has under two addresses"),
    "13": contact(1, "left", "of one who was deleted in the CRM in use"),
    "14": contact(4, "fifteenth", "of one who was deleted in the CRM in use"),
    "15": contact(2, "info", "of an address of a function", is_role_address=True),
    "16": contact(1, "sixteenth", "of an address of a function"),
    "17": contact(2, "many", "of an address that many have"),
    "18": contact(1, "eighteenth", "of an address that many have"),
    "19": contact(1, "nineteenth", "of very many"),
    "20": contact(2, "twentieth", "of very many"),
    "21": contact(3, "twenty-first", "of very many"),
    "22": contact(3, "twenty-second", user_key_hash="undefined"),
    "9": contact(2, "twin", "of two with one address"),
    "10": contact(1, "twin", "of two with one address"),
}
PIPEDRIVE: Rows = {
    "1": contact(1, "both"),
    "2": contact(2, "old", archived=True),
    "3": contact(7, "kept", email_hashes=["kept", "old"]),
    "5": contact(7, "gone-only"),
    "7": contact(8, "test", is_test=True),
    "11": contact(7, "two", email_hashes=["two", "second"]),
    "13": contact(7, "left", archived=True),
    "15": contact(0, "info", is_role_address=True),
    "17": contact(0, "many"),
    "18": contact(0, "many"),
    "19": contact(0, "many"),
    "8": contact(8, "lost", "of one who is gone", archived=True),
    "9": contact(8, "fifth", "of one who is gone"),
}


@pytest.fixture(
    scope="module",
    params=[
        ("pipedrive,hubspot", {}), ("hubspot,pipedrive", {}), ("hubspot,pipedrive", {"hubspot": "2026-03-09"}),
    ],
)  # fmt: skip
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Models:
    order, left = request.param
    warehouse = Warehouse(tmp_path_factory.mktemp("persons"), (*order.split(","), "spreadsheets"))
    hubspot = [{**row, "contact_id": id_, "ga_client_id": row["client"]} for id_, row in HUBSPOT.items()]
    persons = [{"email_hashes": [row["email_hash"]], **row, "person_id": id_, "client_id": row["client"]}
               for id_, row in PIPEDRIVE.items()]  # fmt: skip
    warehouse.load("1.0", "hubspot", {"contacts": hubspot}, {"contacts": WHOLE})
    warehouse.load("1.0", "pipedrive", {"persons": persons}, {"persons": WHOLE})
    warehouse.dbt("seed")
    variables = {"crm_until": left, **{f"identity_{name}": most for name, most in LIMITS.items()}}
    warehouse.dbt("run", "--select", "+int_persons__clients", "--vars", json.dumps(variables))
    return Models(warehouse, Rules(tuple(left), **LIMITS))


def test_the_erased_person_is_that_of_the_models(models: Models) -> None:
    lake_of = models.warehouse
    owners = dict(lake_of.rows("select client_id, person_id from intermediate.int_persons__clients"))
    members = dict(lake_of.rows("select contact_id, person_id from intermediate.int_persons__contacts"))
    used = {row["client"] for row in (*HUBSPOT.values(), *PIPEDRIVE.values()) if row["client"]}
    assert owners.keys() == used - {"of very many"}
    for known in members:
        found = identity.resolve(lake_of.settings, {("contact", known)}, models.rules)
        joined = next((each for each in TOGETHER if known in each), {known})
        erased = {members[each] for each in joined}
        assert {members[each] for each in found.of("contact") if each in members} == erased
        assert found.of("contact") & members.keys() == {each for each in members if members[each] in erased}
        assert found.of("client") == {client for client, owner in owners.items() if owner in erased}
