"""The sandbox's answers, recorded once over HTTP and replayed to the connector's own code, some of them others.

Only the socket is left out: requests, retries, page checks, row readers, converters and the load's package are those of
a pull. Belongs here: recording and replaying. Does not: what is wrong with an answer (`answers.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import requests
from requests.adapters import HTTPAdapter

from ingestion.errors import KpiloteError
from ingestion.pipeline import understood
from orchestration.environment import variables
from sandbox.server import running
from sandbox.world import World
from tests.fuzz.feeding import END, START, Outcome, connected, context, feed

SCALE = 0.05
# Small pages, so that a small company fills several.
SMALL_PAGES: Mapping[str, Any] = {
    "ingestion.sources.hubspot.api.LIST_PAGE": 20,
    "ingestion.sources.hubspot.HISTORY_BATCH": 10,
    "ingestion.sources.hubspot.LINKS_BATCH": 20,
    "ingestion.sources.mailchimp.api.PAGE": 10,
    "ingestion.sources.ga4.reports.PAGE_ROWS": 50,
    "ingestion.sources.pipedrive.api.PAGE": 20,
    "ingestion.sources.klaviyo.api.PAGE_SIZES": {"campaigns": 4, "events": 7, "lists": 1, "profiles": 5},
    "ingestion.sources.brevo.exports.PROCESSES": 20,
    "sandbox.apis.salesforce.PAGE": 10,
}
# What is told to a connector besides, by the recording's name: a source, or one and a way of reading it.
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "ga4": {"EXPORT_URL": ""},
    "matomo": {"PAGE_ROWS": "4"},
    "brevo": {"POLL_SECONDS": "0.0001"},
    "salesforce bulk": {"BULK_ROWS": "1", "BULK_PAGE_SIZE": "10", "POLL_SECONDS": "0.001"},
}
# A replayed answer that says "wait" goes on saying so.
IMPATIENT = {"SOURCES__BREVO__EXPORT_PATIENCE_SECONDS": "0.05", "SOURCES__SALESFORCE__JOB_SECONDS": "0.05"}
# Headers that say something of an answer's rows.
TELLING = ("Sforce-NumberOfRecords", "Sforce-Locator")


@dataclass(frozen=True)
class Answer:
    """An answer of a vendor: its bytes, and what its headers say of them."""

    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass
class Recording:
    """The answers of one source by request, in order; `wanted` holds the requests of each stream in their order."""

    source: str
    environment: dict[str, str] = field(default_factory=dict)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    wanted: dict[str, list[str]] = field(default_factory=dict)

    def last(self, request: str) -> Answer:
        return self.answers[request][-1]


Send = Callable[[requests.PreparedRequest], Answer]
UNKNOWN = Answer(b'{"message": "there is no such thing"}', status=404)


def _request(prepared: requests.PreparedRequest) -> str:
    body = prepared.body.decode() if isinstance(prepared.body, bytes) else prepared.body or ""
    return f"{prepared.method} {prepared.path_url} {body}".strip()


@contextmanager
def _answering(answer: Send) -> Iterator[None]:
    def send(_adapter: HTTPAdapter, prepared: requests.PreparedRequest, **_: Any) -> requests.Response:
        given = answer(prepared)
        response = requests.Response()
        response.status_code, response._content = given.status, given.content
        response.headers.update(given.headers)
        response.request, response.url = prepared, prepared.url or ""
        return response

    with mock.patch.object(HTTPAdapter, "send", send):
        yield


@contextmanager
def _small_pages() -> Iterator[None]:
    patches = [mock.patch(name, size) for name, size in SMALL_PAGES.items()]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


@cache
def recorded(name: str) -> Recording:
    """Pull once from the sandbox over HTTP and keep what it answered."""
    source = name.partition(" ")[0]
    kept, stream = Recording(source), "connect"
    real, adapter = HTTPAdapter.send, HTTPAdapter()

    def record(prepared: requests.PreparedRequest) -> Answer:
        response = real(adapter, prepared)
        told = {header: response.headers[header] for header in TELLING if header in response.headers}
        answer, request = Answer(response.content, told, response.status_code), _request(prepared)
        kept.answers.setdefault(request, []).append(answer)
        if request not in kept.wanted.setdefault(stream, []):
            kept.wanted[stream].append(request)
        return answer

    with TemporaryDirectory() as home, running(World(seed=7, start=START, scale=SCALE), END, home=Path(home)) as served:
        quick = {"BACKOFF_SECONDS": "0", "MAX_ATTEMPTS": "2", **SETTINGS.get(name, {})}
        own = {f"SOURCES__{source.upper()}__{setting}": value for setting, value in quick.items()}
        kept.environment = {**served.env, **own}
        with variables(kept.environment), _small_pages(), _answering(record):
            connector = connected(within := context(source))
            for stream in connector.streams:  # `record` files the requests under it
                outcome = feed(within, connector.streams[stream], connector.convert)
                assert outcome.error is None, outcome.error
                assert outcome.refused == 0
    return kept


def replayed(name: str, stream: str, changed: Mapping[str, Answer]) -> Outcome:
    """What a stream makes of the recorded answers, some of them others."""
    kept = recorded(name)
    asked: Counter[str] = Counter()

    def replay(prepared: requests.PreparedRequest) -> Answer:
        request = _request(prepared)
        if request in changed:
            return changed[request]
        held = kept.answers.get(request)
        if held is None:
            return UNKNOWN  # what a vendor says of ids and pages it does not know
        asked[request] += 1
        return held[min(asked[request], len(held)) - 1]

    with variables({**kept.environment, **IMPATIENT}), _small_pages(), _answering(replay):
        within = context(kept.source)
        try:
            with understood(kept.source):
                connector = connected(within)
        except KpiloteError as error:
            return Outcome(error=str(error))
        if stream == "connect":
            return Outcome()
        return feed(within, connector.streams[stream], connector.convert)
