"""Vendors' answers gone wrong: pages of the sandbox, recorded once over HTTP, some of them mutated, replayed to the
connector's own code.

Only the socket is left out: requests, page checks, row readers, converters and the load's package are those of a pull.
"""

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import orjson

from ingestion.errors import KpiloteError
from ingestion.http import Api
from ingestion.pipeline import understood
from ingestion.sources import ga4, hubspot, mailchimp, matomo
from ingestion.streams import Connector
from orchestration.environment import variables
from sandbox.server import running
from sandbox.world import World
from tests.fuzz.feeding import ADDRESS, END, START, Offline, Outcome, context, feed

CONNECTORS: Mapping[str, Callable[[Offline], Connector]] = {
    "hubspot": hubspot.connect, "mailchimp": mailchimp.connect, "ga4": ga4.connect,  # type: ignore[dict-item]
    "matomo": matomo.connect,  # type: ignore[dict-item]
}  # fmt: skip
# Small pages, so that a small company fills several.
SMALL_PAGES = {
    "ingestion.sources.hubspot.api.LIST_PAGE": 20,
    "ingestion.sources.hubspot.HISTORY_BATCH": 10,
    "ingestion.sources.hubspot.LINKS_BATCH": 20,
    "ingestion.sources.mailchimp.api.PAGE": 10,
    "ingestion.sources.ga4.reports.PAGE_ROWS": 50,
}
SCALE = 0.05
PAGING = ("total", "total_items", "rowCount", "paging", "after", "next", "offset", "numErrors")
ODD: tuple[Any, ...] = (
    None, "", " ", 0, -1, 1.5, True, False, [], {}, [None], [[]], {"": None}, 10**15, 10**18, 2**63, 1e308, -1e308,
    "9" * 400, "1e999999999", "NaN", "-0", "²", "٣", "\x00", "\u202e", "\ufffd", "\U0001f4a9" * 20, "x" * 5000, "true",
    ADDRESS, f"https://x.io/?e={ADDRESS}", [ADDRESS], {"email": ADDRESS}, "2026-13-45", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00", "99999999999999999999", "253402300800000", "2026-06-03", "-62135596800001",
    "2026-W01-1",
)  # fmt: skip


@dataclass
class Recording:
    """The answers of one source, by request; `wanted` holds the requests of each stream in their order."""

    answers: dict[str, bytes] = field(default_factory=dict)
    wanted: dict[str, list[str]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def _request(method: str, path: str, arguments: Mapping[str, Any]) -> str:
    return json.dumps([method, path, arguments], sort_keys=True, default=str)


@contextmanager
def _answering(answer: Callable[[Api, str, str, Mapping[str, Any]], Any]) -> Iterator[None]:
    def call(api: Api, method: str, path: str, limit: Any, **arguments: Any) -> Any:
        return answer(api, method, path, arguments)

    with mock.patch.object(Api, "_call", call):
        yield


@cache
def recorded(source_name: str) -> Recording:
    """Pull once from the sandbox over HTTP and keep what it answered."""
    kept = Recording()
    real = Api._call

    def record(api: Api, method: str, path: str, arguments: Mapping[str, Any]) -> Any:
        body = real(api, method, path, None, **arguments)
        request = _request(method, path, arguments)
        kept.answers[request] = orjson.dumps(body)
        kept.wanted.setdefault(stream, []).append(request)
        return copy.deepcopy(body)

    world = World(seed=7, start=START, scale=SCALE)
    with TemporaryDirectory() as home, running(world, END, home=Path(home)) as served:
        backoff = {f"SOURCES__{source_name.upper()}__BACKOFF_SECONDS": "0"}
        kept.environment = {**served.env, **backoff, "SOURCES__GA4__EXPORT_URL": "", "SOURCES__MATOMO__PAGE_ROWS": "4"}
        with variables(kept.environment), small_pages(), _answering(record):
            stream = "connect"
            connector = CONNECTORS[source_name](within := context(source_name))
            for stream in connector.streams:  # `record` files the requests under it
                outcome = feed(within, connector.streams[stream], connector.convert)
                assert outcome.error is None, outcome.error
                assert outcome.refused == 0
    return kept


@contextmanager
def small_pages() -> Iterator[None]:
    patches = [mock.patch(name, size) for name, size in SMALL_PAGES.items()]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def answers(source_name: str, rng: random.Random) -> Outcome:
    """One stream of a source, or the questions before any, with one to three of its answers mutated."""
    kept = recorded(source_name)
    stream = rng.choice(sorted(kept.wanted))
    changed: dict[str, bytes] = {}
    for _ in range(rng.choice([1, 1, 2, 3])):
        request = rng.choice(kept.wanted[stream])
        body = orjson.loads(changed.get(request, kept.answers[request]))
        for _ in range(rng.choice([1, 1, 2, 5])):
            with suppress(ValueError, TypeError):  # no object any more
                body = _sent(_mutated(rng, body))
        changed[request] = orjson.dumps(body)

    return replayed(source_name, stream, changed)


def replayed(source_name: str, stream: str, changed: Mapping[str, bytes]) -> Outcome:
    """What a stream makes of the recorded answers, some of them others."""
    kept = recorded(source_name)

    def replay(api: Api, method: str, path: str, arguments: Mapping[str, Any]) -> Any:
        request = _request(method, path, arguments)
        held = changed.get(request, kept.answers.get(request))
        if held is None:
            raise api.error("the path does not exist (404)")  # what a vendor says of ids and pages it does not know
        return orjson.loads(held)

    with variables(kept.environment), small_pages(), _answering(replay):
        within = context(source_name)
        try:
            with understood(source_name):
                connector = CONNECTORS[source_name](within)
        except KpiloteError as error:
            return Outcome(error=str(error))
        if stream == "connect":
            return Outcome()
        return feed(within, connector.streams[stream], connector.convert)


def _sent(body: Any) -> dict[str, Any]:
    """What arrives of it: JSON, an object."""
    arrived = orjson.loads(json.dumps(body, allow_nan=False))
    return dict(arrived)


def _mutated(rng: random.Random, body: Any) -> Any:
    """The answer with one thing in it changed."""
    places = list(_places(body))
    if not places:
        return rng.choice(ODD)
    paging = [place for place in places if place[1] in PAGING]
    holder, key = rng.choice(paging if paging and rng.random() < 0.25 else places)
    value = holder[key]
    match rng.randrange(12):
        case 0:
            del holder[key]
        case 8 | 9 | 10 if isinstance(value, str):
            holder[key] = rng.choice([each for each in ODD if isinstance(each, str)])
        case 1 | 2:
            holder[key] = rng.choice(ODD)
        case 3:
            holder[key] = _retyped(value)
        case 4:
            holder[key] = rng.choice([[value], {"value": value}, {str(key): value}])
        case 5 if isinstance(value, list) and value:
            holder[key] = rng.choice([value * 2, value[:-1], value[:1], value[::-1]])
        case 6 if isinstance(holder, list):
            holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(value))
        case 7:
            other, name = rng.choice(places)
            holder[key] = copy.deepcopy(other[name])
        case _:
            if isinstance(holder, dict):
                holder[rng.choice(["email", "id", str(key).upper(), "é"])] = rng.choice(ODD)
    return body


def _retyped(value: Any) -> Any:
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value) if len(value) < 15 else len(value)
        return [value]
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else json.dumps(value)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (holder, key) of a JSON value."""
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def export(rng: random.Random) -> Outcome:
    """GA4's export of one day as JSON lines, some values and lines mutated."""
    from ingestion.sources.ga4 import export as reader

    lines = [copy.deepcopy(event) for event in rng.sample(_events(), rng.randrange(1, 30))]
    texts = [orjson.dumps(line).decode() for line in lines]
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(texts))
        if rng.random() < 0.15:
            cut = rng.randrange(len(texts[at]) + 1)
            texts[at] = texts[at][:cut] + rng.choice(["", '"', "}", "\x00", "{", "null"]) + texts[at][cut + 1 :]
        else:
            with suppress(ValueError):
                texts[at] = json.dumps(_mutated(rng, orjson.loads(texts[at])))
    with TemporaryDirectory() as folder:
        (Path(folder) / f"events_{START:%Y%m%d}.json").write_text("\n".join(texts), encoding="utf-8", errors="replace")
        within = context("ga4")
        return feed(within, partial(reader.events, within, folder, START))


@cache
def _events() -> list[dict[str, Any]]:
    import duckdb

    world = World(seed=7, start=START, scale=SCALE)
    with TemporaryDirectory() as home, running(world, END, home=Path(home)) as served:
        found = duckdb.connect().execute(
            f"select to_json(events)::varchar from read_parquet('{served.env['SOURCES__GA4__EXPORT_URL']}/*.parquet')"
            " as events limit 200"
        )
        return [orjson.loads(row) for (row,) in found.fetchall()]
