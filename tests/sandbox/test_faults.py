"""What goes wrong on purpose goes wrong in the way, at the request and as often as planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from sandbox.corrupt import TARGETS, Corruption, corrupted
from sandbox.faults import Fault
from tests.sandbox.conftest import Client

CONTACTS = r"/hubspot/crm/objects/2026-09/contacts$"


@pytest.mark.parametrize("kind", ["401", "403", "404", "429", "429_retry_after", "500"])
@pytest.mark.parametrize(
    ("path", "ask"),
    [
        (CONTACTS, lambda client: client.objects("contacts")),
        (":runReport", lambda client: client.report()),
        ("/3.0/campaigns", lambda client: client.mailchimp("/campaigns")),
    ],
)
def test_refusals_come_in_the_vendors_words_at_the_planned_request(serve: Any, kind: Any, path: str, ask: Any) -> None:
    client = serve(faults=[Fault(path, kind, nth=2, times=2, seconds=3)])
    responses = [ask(client) for _ in range(4)]
    status = int(kind[:3])
    assert [response.status_code for response in responses] == [200, status, status, 200]
    assert (responses[1].headers.get("retry-after") == "3") == (kind == "429_retry_after")
    body = responses[1].json()
    if "hubspot" in path:
        assert body["category"]
        assert body["correlationId"]
    elif "Report" in path:
        assert body["error"]["code"] == status
    else:
        assert body["status"] == status
        assert responses[1].headers["content-type"].startswith("application/problem+json")


def test_a_cut_answer_promises_more_bytes_than_it_sends(serve: Any) -> None:
    client = serve(faults=[Fault(CONTACTS, "cut")])
    with pytest.raises(httpx.RemoteProtocolError):
        client.objects("contacts")
    assert client.objects("contacts").status_code == 200


def test_a_malformed_answer_is_whole_but_not_json(serve: Any) -> None:
    client = serve(faults=[Fault(CONTACTS, "malformed")])
    response = client.objects("contacts")
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        response.json()


def test_a_slow_answer_is_right_in_the_end(serve: Any) -> None:
    client = serve(faults=[Fault(CONTACTS, "slow", seconds=0.4)])
    slow, quick = client.objects("contacts"), client.objects("contacts")
    assert slow.elapsed.total_seconds() >= 0.4
    assert slow.json() == quick.json()


def test_a_page_is_repeated_with_its_cursor(serve: Any) -> None:
    client = serve(faults=[Fault(CONTACTS, "page_repeated", nth=2)])
    first = client.objects("contacts", limit=5).json()
    after = first["paging"]["next"]["after"]
    assert client.objects("contacts", limit=5, after=after).json() == first
    assert client.objects("contacts", limit=5, after=after).json() != first


@pytest.mark.parametrize(
    ("path", "ask", "rows", "rest"),
    [
        (CONTACTS, lambda client: client.objects("contacts", limit=5), "results", "paging"),
        (":runReport", lambda client: client.report(("date",), limit="5"), "rows", "rowCount"),
        ("sent-to", lambda client: recipients(client), "sent_to", "total_items"),
    ],
)
def test_an_empty_page_keeps_the_cursor(serve: Any, path: str, ask: Any, rows: str, rest: str) -> None:
    client = serve(faults=[Fault(path, "empty_page")])
    empty, full = ask(client).json(), ask(client).json()
    assert empty[rows] == []
    assert full[rows]
    assert empty[rest] == full[rest]


def recipients(client: Client) -> httpx.Response:
    campaign = client.mailchimp("/campaigns", count=1, sort_dir="DESC").json()["campaigns"][0]["id"]
    return client.mailchimp(f"/reports/{campaign}/sent-to", count=1)


def test_plans_are_set_listed_and_cleared_over_http(serve: Any) -> None:
    client = serve()
    control = f"{client.server.base_url}/_faults"
    plan = {"faults": [{"path": CONTACTS, "kind": "500"}], "corrupt": [{"table": "hubspot.deals", "kind": "null_key"}]}
    assert client.raw("POST", control, json=plan).json()["faults"][0]["fired"] == 0
    assert client.objects("contacts").status_code == 500
    shown = client.raw("GET", control).json()
    assert (shown["faults"][0]["matched"], shown["faults"][0]["fired"]) == (1, 1)
    assert shown["corrupt"] == [{"table": "hubspot.deals", "kind": "null_key", "rows": 1}]
    assert None in [row["id"] for row in client.search("deals").json()["results"]]
    assert client.raw("DELETE", control).json() == {"faults": [], "corrupt": []}
    assert None not in [row["id"] for row in client.search("deals").json()["results"]]
    for wrong in ({"faults": [{"path": "x", "kind": "flood"}]}, {"faults": [{"kind": "500"}]}, [],
                  {"corrupt": [{"table": "hubspot.dreams", "kind": "null_key"}]},
                  {"corrupt": [{"table": "hubspot.contacts", "kind": "negative_amount"}]}):  # fmt: skip
        assert client.raw("POST", control, json=wrong).status_code == 400


def test_every_request_is_logged_with_its_answer(serve: Any) -> None:
    client = serve()
    client.search("deals", limit=3)
    client.mailchimp("/lists", count=5000)
    search, lists = client.server.requests
    assert (search.method, search.path, search.status) == ("POST", "/hubspot/crm/objects/2026-09/deals/search", 200)
    assert search.json["limit"] == 3
    assert (lists.method, lists.query, lists.status) == ("GET", "count=5000", 400)


def amounts(client: Client) -> list[float]:
    rows = client.search("deals", properties=["amount"]).json()["results"]
    return [float(row["properties"]["amount"]) for row in rows]


def test_a_corrupted_record_is_served_as_a_fresh_edit_and_mended_by_another(serve: Any) -> None:
    client = serve()
    before = client.search("deals", sorts=["-hs_lastmodifieddate"], properties=["amount"]).json()["results"]
    client.server.faults.spoil(Corruption("hubspot.deals", "negative_amount"))
    assert min(amounts(client)) < 0
    wrong = client.search("deals", sorts=["-hs_lastmodifieddate"], properties=["amount"]).json()["results"][0]
    assert float(wrong["properties"]["amount"]) < 0
    assert wrong["updatedAt"] > before[0]["updatedAt"]
    client.server.faults.clear()
    right = client.search("deals", sorts=["-hs_lastmodifieddate"], properties=["amount"]).json()["results"][0]
    assert right["id"] == wrong["id"]
    assert right["updatedAt"] > wrong["updatedAt"]
    assert right["properties"]["amount"] == next(
        row["properties"]["amount"] for row in before if row["id"] == right["id"]
    )


def test_spreadsheets_and_export_are_rewritten_for_wrong_data_and_back(serve: Any, tmp_path: Path) -> None:
    client = serve(home=tmp_path)
    env = client.server.env
    spend, export = Path(env["SOURCES__SPREADSHEETS__URL"]) / "ad_spend.csv", Path(env["SOURCES__GA4__EXPORT_URL"])
    last = export / "events_20260831.parquet"
    right, size = spend.read_bytes(), last.stat().st_size
    client.server.faults.spoil(
        Corruption("spreadsheets.ad_spend", "unknown_currency", rows=3), Corruption("ga4.events", "volume_drop")
    )
    client.server.sandbox.refresh()
    wrong = pd.read_csv(spend)
    assert (wrong["currency"] == "ZZZ").sum() == 3
    assert last.stat().st_size < size
    client.server.faults.clear()
    client.server.sandbox.refresh()
    assert spend.read_bytes() == right
    assert last.stat().st_size == size


@pytest.mark.parametrize("table", TARGETS)
def test_every_table_can_be_spoilt(served: Client, table: str) -> None:
    snapshot, target = served.server.sandbox.view.snapshot, TARGETS[table]
    frame = getattr(snapshot, target.frame)
    kinds = ["duplicate_key", "volume_drop", "null_key"]
    kinds += ["negative_amount"] * bool(target.amount) + ["unknown_currency"] * bool(target.currency)
    for kind in kinds:
        spoilt = getattr(corrupted(snapshot, [Corruption(table, kind)]), target.frame)  # type: ignore[arg-type]
        if kind == "duplicate_key":
            assert len(spoilt) == len(frame) + 1
        elif kind == "volume_drop":
            assert len(spoilt) < len(frame)
        elif kind == "null_key":
            assert spoilt[target.key].isna().sum() == frame[target.key].isna().sum() + 1
        elif kind == "negative_amount":
            assert (spoilt[target.amount] < 0).sum() == 1
        else:
            assert (spoilt[target.currency] == "ZZZ").sum() == 1
