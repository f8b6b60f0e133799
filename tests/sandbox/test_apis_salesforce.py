"""Salesforce as Salesforce is: sessions, SOQL and its refusals, pages under a locator, the recycle bin, Bulk jobs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from sandbox.apis import salesforce_schema as schema
from sandbox.apis.salesforce_values import id_of, record_id
from sandbox.limits import FAST
from sandbox.state import Credentials
from tests.sandbox.conftest import Client

DATA = "/services/data/v67.0"
CREDENTIALS = Credentials()
FORM = {
    "grant_type": "client_credentials",
    "client_id": CREDENTIALS.salesforce_client,
    "client_secret": CREDENTIALS.salesforce_secret,
}


class Org:
    """HTTP as an integration would speak it."""

    def __init__(self, client: Client) -> None:
        self.client, self.url = client, f"{client.server.base_url}/salesforce"
        opened = self.open(**FORM)
        self.headers = {"Authorization": f"Bearer {opened.json()['access_token']}"}

    def open(self, **form: str) -> httpx.Response:
        return self.client.raw("POST", f"{self.url}/services/oauth2/token", data=form)

    def get(self, path: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
        sent = self.headers if headers is None else headers
        return self.client.raw("GET", self.url + path, headers=sent, params=params or None)

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.client.raw("POST", self.url + path, headers=self.headers, json=body)

    def query(self, q: str, everything: bool = False, **headers: str) -> httpx.Response:
        path = f"{DATA}/{'queryAll' if everything else 'query'}"
        return self.get(path, {**self.headers, **headers}, q=q)

    def rows(self, q: str, everything: bool = False) -> list[dict[str, Any]]:
        answer = self.query(q, everything).json()
        rows = list(answer["records"])
        while not answer["done"]:
            answer = self.get(answer["nextRecordsUrl"]).json()
            rows += answer["records"]
        return rows


@pytest.fixture(scope="session")
def org(served: Client) -> Iterator[Org]:
    yield Org(served)


def refused(response: httpx.Response, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    (error,) = response.json()
    assert set(error) == {"message", "errorCode"}
    assert error["errorCode"] == code
    return str(error["message"])


def test_a_session_is_needed_and_opened_with_the_apps_secret(org: Org) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eA=="}):
        refused(org.get(f"{DATA}/sobjects", headers), 401, "INVALID_SESSION_ID")
    opened = org.open(**FORM).json()
    assert opened["token_type"] == "Bearer"
    assert opened["instance_url"] == org.url
    for wrong, error in (
        ({"client_id": "another"}, "invalid_client_id"),
        ({"client_secret": "another"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ):
        response = org.open(**{**FORM, **wrong})
        assert (response.status_code, response.json()["error"]) == (400, error)
    response = org.client.raw("POST", f"{org.url}/services/oauth2/token", json=FORM)
    assert response.status_code == 400


def test_an_assertion_is_taken_only_with_the_apps_key(serve: Any) -> None:
    import time

    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric import rsa
    from google.auth import crypt, jwt

    def key() -> Any:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    own, other = key(), key()
    public = own.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo).decode()
    org = Org(serve(credentials=Credentials(salesforce_certificate=public)))

    def answer(signed_by: Any, **claims: Any) -> httpx.Response:
        private = signed_by.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.TraditionalOpenSSL, pem.NoEncryption())
        now = int(time.time())
        asked = {
            "iss": CREDENTIALS.salesforce_client, "sub": CREDENTIALS.salesforce_username,
            "aud": "https://login.salesforce.com", "iat": now, "exp": now + 180, **claims,
        }  # fmt: skip
        assertion = jwt.encode(crypt.RSASigner.from_string(private), asked).decode()
        return org.open(grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=assertion)

    assert answer(own).json()["access_token"] == org.headers["Authorization"].removeprefix("Bearer ")
    assert answer(other).json()["error"] == "invalid_grant"
    assert answer(own, sub="nobody").json()["error"] == "invalid_grant"
    assert answer(own, aud="https://elsewhere.example").json()["error"] == "invalid_grant"
    assert answer(own, iss="another").json()["error"] == "invalid_client_id"
    past = int(time.time()) - 10_000
    assert answer(own, iat=past, exp=past + 180).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT Id FROM Unicorn", "INVALID_TYPE"),
        ("SELECT Id, Horn__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id, id FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Horn__c = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp >= '2026-03-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp >= 2026-03-01", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Email = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE IsDeleted = 'false'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Address = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-13-01T00:00:00Z", "MALFORMED_QUERY"),
        ("SELECT * FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Email LIKE 'a%'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE IsDeleted = false OR IsConverted = true", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead ORDER BY", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead LIMIT many", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead LIMIT 5 OFFSET 5", "MALFORMED_QUERY"),
        ("SELECT COUNT(Id) FROM Lead", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_a_query_is_refused_with_salesforces_own_code(org: Org, query: str, code: str) -> None:
    refused(org.query(query), 400, code)


def test_paths_versions_and_parameters_are_checked(org: Org) -> None:
    for path in ("/services/data/v68.0/sobjects", "/services/data/v1.0/sobjects", "/services/data/latest/sobjects"):
        refused(org.get(path), 404, "NOT_FOUND")
    refused(org.get(f"{DATA}/sobjects/Unicorn/describe"), 404, "NOT_FOUND")
    refused(org.get("/services/apexrest/kpis"), 404, "NOT_FOUND")
    refused(org.get(f"{DATA}/query", query="SELECT Id FROM Lead"), 400, "INVALID_PARAMETER")
    refused(org.query(f"SELECT Id FROM Lead WHERE Email = '{'x' * 20_000}'"), 414, "URI_TOO_LONG")
    assert org.get("/services/data/v60.0/sobjects").status_code == 200


@pytest.mark.parametrize("name", schema.OBJECTS)
def test_what_is_described_can_be_queried(org: Org, name: str) -> None:
    described = org.get(f"{DATA}/sobjects/{name}/describe").json()
    fields = [field["name"] for field in described["fields"] if field["type"] != schema.COMPOUND]
    rows = org.rows(f"SELECT {', '.join(fields)} FROM {name}", everything=True)
    assert rows
    for row in rows:
        assert row.pop("attributes") == {"type": name, "url": f"{DATA}/sobjects/{name}/{row['Id']}"}
        assert list(row) == fields
        assert len(row["Id"]) == 18
        assert row["Id"].startswith(described["keyPrefix"])
        assert row["SystemModstamp"] >= row["CreatedDate"]
        assert row["SystemModstamp"].endswith("+0000")
    assert len({row["Id"] for row in rows}) == len(rows)


def test_ids_are_case_safe() -> None:
    assert record_id("001", 0) == "001Kp0000000000IAA"
    suffixes = {record_id("001", number)[15:] for number in (10, 36)}
    assert len(suffixes) == 2, "K and k differ in the suffix"
    assert id_of("001", None) is None


def test_pages_are_one_answer_under_a_locator(org: Org) -> None:
    query = "SELECT Id FROM Task ORDER BY SystemModstamp, Id"
    first = org.query(query, True, **{"Sforce-Query-Options": "batchSize=1"}).json()
    assert (len(first["records"]), first["done"]) == (200, False), "200 is the smallest page"
    assert first["nextRecordsUrl"].startswith(f"{DATA}/query/01g")
    ids, answer = [row["Id"] for row in first["records"]], first
    while not answer["done"]:
        answer = org.get(answer["nextRecordsUrl"]).json()
        assert answer["totalSize"] == first["totalSize"]
        ids += [row["Id"] for row in answer["records"]]
    assert ids == [row["Id"] for row in org.rows(query, True)]
    assert len(ids) == len(set(ids)) == first["totalSize"]
    refused(org.get(f"{DATA}/query/01gKp0009999999999-200"), 400, "INVALID_QUERY_LOCATOR")


def test_a_count_answers_no_records(org: Org) -> None:
    answer = org.query("select count() from Contact where IsDeleted = false").json()
    assert (answer["records"], answer["done"]) == ([], True)
    assert answer["totalSize"] == len(org.rows("SELECT Id FROM Contact"))


def test_filters_and_orders(org: Org) -> None:
    rows = org.rows("SELECT Id, SystemModstamp FROM Contact ORDER BY SystemModstamp DESC, Id LIMIT 50")
    stamps = [row["SystemModstamp"] for row in rows]
    assert stamps == sorted(stamps, reverse=True)
    middle = stamps[25]
    exact = middle.replace("+0000", "Z")
    since = org.rows(f"SELECT SystemModstamp FROM Contact WHERE SystemModstamp >= {exact}")
    assert sum(stamp >= middle for stamp in stamps) == len(since)
    assert all(row["SystemModstamp"] >= middle for row in since)
    zoned = middle.replace("+0000", "%2B00:00")
    url = f"{org.url}{DATA}/query?q=SELECT+count()+FROM+Contact+WHERE+SystemModstamp+>=+{zoned}"
    assert org.client.raw("GET", url, headers=org.headers).json()["totalSize"] == len(since)
    won = org.rows("SELECT Id, Amount FROM Opportunity WHERE IsWon = true AND Amount > 1000.5")
    assert won
    assert all(row["Amount"] > 1000.5 for row in won)
    empty = org.query("SELECT count() FROM Lead WHERE Country = null").json()["totalSize"]
    every = org.query("SELECT count() FROM Lead").json()["totalSize"]
    assert org.query("SELECT count() FROM Lead WHERE Country != null").json()["totalSize"] == every - empty


def test_deleted_merged_and_archived_records_are_in_query_all_only(org: Org) -> None:
    snapshot = org.client.server.sandbox.view.snapshot
    for name in ("Lead", "Contact", "Account"):
        fields = "Id, IsDeleted, MasterRecordId"
        live = org.rows(f"SELECT {fields} FROM {name}")
        everything = org.rows(f"SELECT {fields} FROM {name}", everything=True)
        assert not any(row["IsDeleted"] for row in live)
        assert len(everything) - len(live) == sum(row["IsDeleted"] for row in everything) > 0
        assert all(row["IsDeleted"] for row in everything if row["MasterRecordId"])
    merged = snapshot.companies.dropna(subset=["merged_into"])
    masters = {row["Id"]: row["MasterRecordId"] for row in org.rows("SELECT Id, MasterRecordId FROM Account", True)}
    for loser, survivor in zip(merged["company_id"], merged["merged_into"], strict=True):
        assert masters[id_of("001", loser)] == id_of("001", survivor)


def test_activities_older_than_a_year_are_archived(serve: Any) -> None:
    from datetime import date

    org = Org(serve(until=date(2027, 6, 1)))
    live = org.rows("SELECT Id, IsArchived FROM Event")
    everything = org.rows("SELECT Id, IsArchived, IsDeleted FROM Event", everything=True)
    archived = [row for row in everything if row["IsArchived"]]
    assert archived
    assert len(live) == len([row for row in everything if not row["IsArchived"] and not row["IsDeleted"]])


def test_a_lead_is_converted_when_it_is_qualified(org: Org) -> None:
    leads = org.rows("SELECT Id, IsConverted, ConvertedDate, ConvertedContactId, Status, SQL_Date__c FROM Lead")
    contacts = {row["Id"] for row in org.rows("SELECT Id FROM Contact", everything=True)}
    converted = [row for row in leads if row["IsConverted"]]
    assert converted
    for row in leads:
        assert (row["ConvertedContactId"] in contacts) == row["IsConverted"]
        assert (row["ConvertedDate"] is not None) == row["IsConverted"]
        assert (row["Status"] == "Closed - Converted") == row["IsConverted"]
        assert row["IsConverted"] or row["SQL_Date__c"] is None


def test_what_is_held_with_a_lead_is_about_nothing_else(org: Org) -> None:
    rows = org.rows("SELECT WhoId, WhatId, AccountId FROM Event") + org.rows(
        "SELECT WhoId, WhatId, AccountId FROM Task"
    )
    leads = [row for row in rows if row["WhoId"].startswith("00Q")]
    assert leads
    assert {(row["WhatId"], row["AccountId"]) for row in leads} == {(None, None)}
    assert any((row["WhatId"] or "").startswith("006") for row in rows)


def test_names_and_phones_are_served_to_whom_asks(org: Org) -> None:
    row = org.rows("SELECT Name, FirstName, LastName, Phone, Email FROM Lead LIMIT 1")[0]
    assert row["Name"] == f"{row['FirstName']} {row['LastName']}"
    assert row["Phone"].startswith("+336")
    assert "@" in row["Email"]


def test_objects_and_fields_may_be_hidden(serve: Any) -> None:
    hidden = frozenset({"Contract", "Lead.MQL_Date__c"})
    org = Org(serve(credentials=Credentials(salesforce_hidden=hidden)))
    assert "Contract" not in {each["name"] for each in org.get(f"{DATA}/sobjects").json()["sobjects"]}
    assert "'Contract' is not supported" in refused(org.query("SELECT Id FROM Contract"), 400, "INVALID_TYPE")
    refused(org.get(f"{DATA}/sobjects/Contract/describe"), 404, "NOT_FOUND")
    message = refused(org.query("SELECT MQL_Date__c FROM Lead"), 400, "INVALID_FIELD")
    assert "No such column 'MQL_Date__c' on entity 'Lead'" in message
    described = org.get(f"{DATA}/sobjects/Lead/describe").json()["fields"]
    assert "MQL_Date__c" not in {field["name"] for field in described}
    assert org.rows("SELECT MQL_Date__c FROM Contact")


def test_the_days_calls_are_counted_and_run_out(serve: Any) -> None:
    org = Org(serve(limits=replace(FAST, salesforce_calls_per_day=2)))
    for used in (1, 2):
        assert org.get(f"{DATA}/sobjects").headers["Sforce-Limit-Info"] == f"api-usage={used}/2"
    refused(org.get(f"{DATA}/sobjects"), 403, "REQUEST_LIMIT_EXCEEDED")


def job(org: Org, query: str, operation: str = "queryAll") -> dict[str, Any]:
    created: dict[str, Any] = org.post(f"{DATA}/jobs/query", {"operation": operation, "query": query}).json()
    return created


def test_a_job_works_for_a_while_and_gives_its_results_in_pages(org: Org) -> None:
    query = "SELECT Id, SystemModstamp, IsConverted, NumberOfEmployees, Company FROM Lead"
    created = job(org, query)
    path = f"{DATA}/jobs/query/{created['id']}"
    assert (created["state"], created["object"], created["apiVersion"]) == ("UploadComplete", "Lead", 67.0)
    assert created["id"].startswith("750")
    refused(org.get(f"{path}/results"), 400, "API_ERROR")
    states = [org.get(path).json()["state"] for _ in range(3)]
    assert states == ["InProgress", "JobComplete", "JobComplete"]
    total = org.get(path).json()["numberRecordsProcessed"]
    rows: list[dict[str, str]] = []
    parameters: dict[str, Any] = {"maxRecords": 100}
    while True:
        answer = org.get(f"{path}/results", **parameters)
        assert answer.headers["content-type"].startswith("text/csv")
        page = list(csv.DictReader(io.StringIO(answer.text)))
        assert int(answer.headers["Sforce-NumberOfRecords"]) == len(page)
        rows += page
        if answer.headers["Sforce-Locator"] == "null":
            break
        parameters["locator"] = answer.headers["Sforce-Locator"]
    queried = org.rows(query, everything=True)
    assert len(rows) == total == len(queried)
    known = {row["Id"]: row for row in queried}
    for row in rows:
        told = known[row["Id"]]
        assert row["SystemModstamp"] == told["SystemModstamp"].replace("+0000", "Z")
        assert row["IsConverted"] == str(told["IsConverted"]).lower()
        assert row["NumberOfEmployees"] == ("" if told["NumberOfEmployees"] is None else str(told["NumberOfEmployees"]))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"operation": "queryAll", "query": "SELECT Id, Address FROM Lead"}, 400, "API_ERROR"),
        ({"operation": "queryAll", "query": "SELECT count() FROM Lead"}, 400, "API_ERROR"),
        ({"operation": "query", "query": "SELECT Nothing FROM Lead"}, 400, "INVALID_FIELD"),
        ({"operation": "insert", "query": "SELECT Id FROM Lead"}, 400, "API_ERROR"),
        ({"operation": "query", "query": "SELECT Id FROM Lead", "contentType": "XML"}, 400, "API_ERROR"),
        ({"operation": "query"}, 400, "JSON_PARSER_ERROR"),
        ({"operation": "query", "query": "SELECT Id FROM Lead", "speed": "fast"}, 400, "JSON_PARSER_ERROR"),
    ],
)
def test_a_job_is_refused_like_salesforce_does(org: Org, body: dict[str, Any], status: int, code: str) -> None:
    refused(org.post(f"{DATA}/jobs/query", body), status, code)


def test_a_jobs_paths_are_checked(org: Org) -> None:
    refused(org.get(f"{DATA}/jobs/query/750Kp9999999999AAA"), 404, "NOT_FOUND")
    created = job(org, "SELECT Id FROM Lead")
    other = f"/services/data/v66.0/jobs/query/{created['id']}"
    refused(org.get(other), 409, "API_ERROR")
    path = f"{DATA}/jobs/query/{created['id']}"
    for _ in range(2):
        org.get(path)
    refused(org.get(f"{path}/results", maxRecords=0), 400, "API_ERROR")
    refused(org.get(f"{path}/results", locator="!"), 400, "API_ERROR")


def test_jobs_of_a_day_run_out(serve: Any) -> None:
    org = Org(serve(limits=replace(FAST, salesforce_query_jobs_per_day=1)))
    body = {"operation": "query", "query": "SELECT Id FROM Lead"}
    assert org.post(f"{DATA}/jobs/query", body).status_code == 200
    refused(org.post(f"{DATA}/jobs/query", body), 403, "EXCEEDED_QUOTA")
