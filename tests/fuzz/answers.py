"""Vendors' answers gone wrong: recorded ones with parts missing, of other types, doubled, cut off."""

import copy
import csv
import io
import json
import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from sandbox.server import running
from sandbox.world import World
from tests.fuzz.feeding import ADDRESS, END, START, Outcome, context, feed
from tests.fuzz.replay import SCALE, Answer, recorded, replayed
from tests.fuzz.spreadsheets import damage

PAGING = (
    "total", "total_items", "rowCount", "paging", "after", "next", "offset", "numErrors", "totalSize", "done",
    "nextRecordsUrl", "numberRecordsProcessed", "state", "next_cursor", "additional_data", "links", "count",
    "processId", "export_url",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, "", " ", 0, -1, 1.5, True, False, [], {}, [None], [[]], {"": None}, 10**15, 10**18, 2**63, 1e308, -1e308,
    "9" * 400, "1e999999999", "NaN", "-0", "²", "٣", "\x00", "\u202e", "\ufffd", "\U0001f4a9" * 20, "x" * 5000, "true",
    ADDRESS, f"https://x.io/?e={ADDRESS}", [ADDRESS], {"email": ADDRESS}, "2026-13-45", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00", "99999999999999999999", "253402300800000", "2026-06-03", "-62135596800001",
    "2026-W01-1",
)  # fmt: skip


def answers(name: str, rng: random.Random) -> Outcome:
    """One stream of a recording, or the questions before any, with one to three of its answers mutated."""
    kept = recorded(name)
    stream = rng.choice(sorted(kept.wanted))
    changed: dict[str, Answer] = {}
    for _ in range(rng.choice([1, 1, 2, 3])):
        request = rng.choice(kept.wanted[stream])
        changed[request] = _changed(rng, changed.get(request, kept.last(request)))
    return replayed(name, stream, changed)


def _changed(rng: random.Random, answer: Answer) -> Answer:
    """The answer with some things in it changed, or its bytes damaged; a file's headers may lie."""
    if rng.random() < 0.02:
        return replace(answer, content=damage(rng, answer.content))
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return replace(answer, content=_file(rng, answer.content), headers=_headers(rng, answer.headers))
    for _ in range(rng.choice([1, 1, 2, 5])):
        with suppress(ValueError, TypeError):  # no object any more
            body = _sent(_mutated(rng, body))
    return replace(answer, content=orjson.dumps(body))


def _file(rng: random.Random, content: bytes) -> bytes:
    """A CSV file with cells changed, rows lost or doubled, columns renamed; or its bytes damaged."""
    text = content.decode("utf-8", "replace")
    if rng.random() < 0.3:
        return damage(rng, content)
    delimiter = max(";,", key=text.partition("\n")[0].count)
    grid = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    for _ in range(rng.choice([1, 1, 2, 5])):
        row = rng.choice(grid or [[""]])
        match rng.randrange(6):
            case 0:
                grid.insert(rng.randrange(len(grid) + 1), list(row))
            case 1 if row in grid:
                grid.remove(row)
            case 2 if row:
                del row[rng.randrange(len(row))]
            case 3:
                grid = grid[: rng.randrange(len(grid) + 1)]
            case _ if row:
                row[rng.randrange(len(row))] = str(rng.choice(ODD))
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerows(grid)
    return written.getvalue().encode("utf-8", "replace")


def _headers(rng: random.Random, headers: Mapping[str, str]) -> dict[str, str]:
    """Now and then one is missing, or says something else."""
    found = dict(headers)
    if found and rng.random() < 0.2:
        name = rng.choice(sorted(found))
        del found[name]
        if rng.random() < 0.7:
            found[name] = rng.choice(["0", "1", "-1", "null", "x", "\u00b2", "9" * 30, " 7 "])
    return found


def _sent(body: Any) -> Any:
    """What arrives of it: JSON."""
    arrived = orjson.loads(json.dumps(body, allow_nan=False))
    return arrived if isinstance(arrived, list) else dict(arrived)


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
