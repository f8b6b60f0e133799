"""One small company, served over real HTTP for the whole session. Tests that change it serve their own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import httpx
import pytest

from sandbox.limits import FAST, Limits
from sandbox.server import Running, running
from sandbox.world import Snapshot, World


class RememberedWorld(World):
    """A world whose days are drawn once per test run; snapshots are never changed in place."""

    @cache  # noqa: B019 - one world, kept for the whole run
    def snapshot(self, until: date) -> Snapshot:
        return super().snapshot(until)


WORLD = RememberedWorld(seed=17, start=date(2026, 3, 1), scale=0.05)
UNTIL = date(2026, 9, 1)


class Client:
    """HTTP as each vendor's connector would speak it; every method returns the response."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self._http = httpx.Client(timeout=30)
        credentials = server.sandbox.credentials
        self._hubspot = {"Authorization": f"Bearer {next(iter(credentials.hubspot_tokens))}"}
        self._ga4 = {"Authorization": f"Bearer {credentials.ga4_token}"}
        self._mailchimp = httpx.BasicAuth("anybody", credentials.mailchimp_key)
        self._pipedrive = {"x-api-token": next(iter(credentials.pipedrive_tokens))}

    def raw(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        return self._http.request(method, url, **arguments)

    def hubspot(self, path: str, body: Any = None, **params: Any) -> httpx.Response:
        url = self.server.hubspot_url + path
        if body is None:
            return self._http.get(url, headers=self._hubspot, params=params)
        return self._http.post(url, headers=self._hubspot, json=body, params=params)

    def objects(self, kind: str, **params: Any) -> httpx.Response:
        return self.hubspot(f"/crm/objects/2026-09/{kind}", **params)

    def search(self, kind: str, *filters: dict[str, Any], **more: Any) -> httpx.Response:
        body = {"after": "0", "limit": 200, "properties": [], "sorts": [], "filterGroups": [], **more}
        if filters:
            body["filterGroups"] = [{"filters": list(filters)}]
        return self.hubspot(f"/crm/objects/2026-09/{kind}/search", body)

    def ga4(self, path: str, body: Any = None, property_id: str = "123456789") -> httpx.Response:
        url = f"{self.server.ga4_url}/v1beta/properties/{property_id}{path}"
        return self._http.request("GET" if body is None else "POST", url, headers=self._ga4, json=body)

    def report(
        self, dimensions: tuple[str, ...] = (), metrics: tuple[str, ...] = ("sessions",), /, **more: Any
    ) -> httpx.Response:
        body = {
            "dateRanges": [{"startDate": "2026-03-01", "endDate": "2026-08-31"}],
            "dimensions": [{"name": name} for name in dimensions],
            "metrics": [{"name": name} for name in metrics],
            **more,
        }
        return self.ga4(":runReport", body)

    def mailchimp(self, path: str, **params: Any) -> httpx.Response:
        return self._http.get(self.server.mailchimp_url + path, auth=self._mailchimp, params=params)

    def brevo(self, path: str, body: Any = None, **params: Any) -> httpx.Response:
        headers = {"api-key": self.server.sandbox.credentials.brevo_key}
        method = "GET" if body is None else "POST"
        url = f"{self.server.base_url}/brevo/v3{path}"
        return self._http.request(method, url, headers=headers, params=params, json=body)

    def pipedrive(self, path: str, **params: Any) -> httpx.Response:
        return self._http.get(f"{self.server.base_url}/pipedrive{path}", headers=self._pipedrive, params=params)

    def close(self) -> None:
        self._http.close()


@pytest.fixture(scope="session")
def served() -> Iterator[Client]:
    """The shared company; tests may not change it."""
    with running(WORLD, UNTIL) as server:
        client = Client(server)
        yield client
        client.close()


@pytest.fixture
def serve() -> Iterator[Any]:
    """A factory of companies of one's own: `serve(limits=…, faults=…, home=…) → Client`."""
    opened = []

    def start(*, limits: Limits = FAST, until: date = UNTIL, **arguments: Any) -> Client:
        context = running(WORLD, until, limits=limits, **arguments)
        client = Client(context.__enter__())
        opened.append((context, client))
        return client

    yield start
    for context, client in opened:
        client.close()
        context.__exit__(None, None, None)
