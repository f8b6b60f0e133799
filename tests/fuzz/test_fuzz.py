"""The targets under hypothesis: few inputs in the ordinary run, more in the profile `nightly`; bugs found, by example.

`HYPOTHESIS_PROFILE=nightly python -m pytest tests/fuzz` tries 12,000 inputs per target and shrinks what fails.
"""

import random
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.sources.ga4 import export
from ingestion.sources.spreadsheets import Reader
from ingestion.sources.spreadsheets.files import File
from ingestion.streams import Rows
from ingestion.tables.spreadsheets import SOURCE
from tests.conftest import IS_NIGHTLY
from tests.fuzz import answers, spreadsheets
from tests.fuzz.feeding import ADDRESS, START, LostError, Outcome, context, feed
from tests.fuzz.replay import Answer, recorded, replayed
from tests.fuzz.targets import TARGETS

settings.register_profile(
    "fuzz", max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile("fuzz-nightly", settings.get_profile("fuzz"), max_examples=12_000, derandomize=False)
PROFILE = settings.get_profile("fuzz-nightly" if IS_NIGHTLY else "fuzz")


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_crashes_and_no_row_is_lost(target: str) -> None:
    share, feeding = TARGETS[target]
    inputs = PROFILE.max_examples if PROFILE.max_examples > 100 or share >= 50 else 10

    @settings(PROFILE, max_examples=inputs)
    @given(st.randoms(use_true_random=False))
    def tried(rng: random.Random) -> None:
        feeding(rng)

    tried()


def test_a_lost_row_and_a_crash_would_be_noticed() -> None:
    whole = Reader._batch

    def losing(reader: Reader, file: File, lines: list[Any]) -> Rows:
        return whole(reader, file, lines[1:])

    def crashing(*_: Any) -> Rows:
        raise RuntimeError

    def fails(kind: type[BaseException], **replaced: Any) -> int:
        failures = 0
        with mock.patch.multiple(Reader, **replaced):
            for seed in range(30):
                try:
                    spreadsheets.table_csv(random.Random(seed))
                except kind:
                    failures += 1
        return failures

    assert fails(LostError, _batch=losing) > 10
    assert fails(RuntimeError, _batch=crashing) > 10


# Found by the fuzz, kept by example.


def _export(folder: Path, event: dict[str, Any]) -> Outcome:
    (folder / f"events_{START:%Y%m%d}.json").write_bytes(orjson.dumps(event))
    within = context("ga4")
    return feed(within, partial(export.events, within, str(folder), START))


def test_an_export_of_another_form_is_refused_without_the_value(tmp_path: Path) -> None:
    event = {**answers._events()[0], "geo": ADDRESS}
    error = _export(tmp_path, event).error or ""
    assert "the export of 2026-05-01 to 2026-05-01 cannot be read (InvalidInputException, line 1 of a file)" in error


def test_a_total_beyond_all_pages_ends_at_the_first_that_is_not_there() -> None:
    kept = recorded("mailchimp")
    told = {each: orjson.loads(kept.last(each).content) for each in kept.wanted["campaigns"]}
    listing = next(each for each, answer in told.items() if answer["total_items"] > 10)
    false = Answer(orjson.dumps({**told[listing], "total_items": 10**15}))
    outcome = replayed("mailchimp", "campaigns", {listing: false})
    assert "404" in (outcome.error or "")


@pytest.mark.parametrize(
    "hidden",
    [
        {"data": {}},
        {"data": False},
        {"additional_data": {}},
        {"additional_data": {"next_cursor": 0}},
        {"additional_data": {"next_cursor": []}},
    ],
)
def test_a_page_that_hides_records_or_the_next_page_is_not_the_end_of_a_list(hidden: dict[str, Any]) -> None:
    kept = recorded("pipedrive")
    first = next(each for each in kept.wanted["persons"] if "/persons?" in each)
    page = orjson.loads(kept.last(first).content)
    outcome = replayed("pipedrive", "persons", {first: Answer(orjson.dumps({**page, **hidden}))})
    assert outcome.error is not None


def test_a_word_in_the_place_of_a_flag_is_no_yes() -> None:
    kept = recorded("pipedrive")
    request = next(each for each in kept.wanted["deals"] if "/deals?" in each)
    page = orjson.loads(kept.last(request).content)
    page["data"][0]["is_deleted"] = "no"
    outcome = replayed("pipedrive", "deals", {request: Answer(orjson.dumps(page))})
    assert "documented form" in (outcome.error or "")


def test_a_heading_of_several_lines_gives_an_error_of_one() -> None:
    content = b'kpi,cadence,period_start,dimension,"dimens\rion_value",target\n'
    outcome = spreadsheets.read(SOURCE.tables["targets"], ".csv", content)
    assert "rename 'dimens ion_value' to dimension_value" in (outcome.error or "")


def test_a_part_missing_from_an_answer_is_named_by_place() -> None:
    kept = recorded("hubspot")
    request = next(each for each in kept.wanted["reference"] if "/crm/owners/" in each)
    answer = orjson.loads(kept.last(request).content)
    del answer["results"][0]["id"]
    outcome = replayed("hubspot", "reference", {request: Answer(orjson.dumps(answer))})
    assert (outcome.error or "").startswith(
        "hubspot: an answer is not of the documented form (KeyError in _owner, __init__.py"
    )
