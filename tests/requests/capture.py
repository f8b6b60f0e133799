"""What connectors ask of the vendors: every request of real pulls over the sandbox, as the server received it.

Each API source checks its account, pulls seven months, pulls again a week of changes later (`sandbox.changes`, one of
each kind), and pulls twice more into an empty lake in pages of a few rows: what follows a first page is seen too.
Salesforce is opened the other way as well.
"""

import datetime as dt
import importlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from ingestion import lake
from ingestion.registry import SOURCES
from ingestion.settings import Settings, reload
from ingestion.sources import salesforce
from sandbox.changes import KINDS, Change
from sandbox.limits import FAST
from sandbox.middleware import Logged
from sandbox.server import Running, running
from sandbox.world import World
from tests.requests.endpoints import in_small_pages
from tests.signing import key_pair

# Brevo forgets totals after six months and is then asked another way; the second pull ends a week later, when sources
# read more than on other days.
START, FIRST, LATER = dt.date(2026, 1, 5), dt.date(2026, 8, 10), dt.date(2026, 8, 17)
# Few links per answer, so that the rest of them is asked for.
LIMITS = replace(FAST, hubspot_association_page=2)
ONE_DAY = dt.timedelta(days=1)
API_SOURCES = tuple(name for name, source in SOURCES.items() if source.is_api)
CHANGES = tuple(Change(kind, FIRST + (1 + index % 5) * ONE_DAY, which=index) for index, kind in enumerate(KINDS))


@dataclass
class Capture:
    """The running sandbox of `LATER`, what each source asked of it, and why a source could not be pulled."""

    company: Running
    requests: dict[str, list[Logged]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[str, Exception] = field(default_factory=dict)

    def of(self, source: str) -> list[Logged]:
        """The requests of a source; what ended its pulls is raised here."""
        if source in self.failures:
            raise self.failures[source]
        return self.requests[source]


@contextmanager
def captured(folder: Path) -> Iterator[Capture]:
    """Every source pulled, day by day: the company is drawn twice only."""
    world = World(seed=7, start=START, scale=0.03)
    with (
        running(world, FIRST, home=folder / "company", changes=CHANGES, limits=LIMITS) as company,
        mock.patch.dict(os.environ, company.env),
        pytest.MonkeyPatch.context() as patch,
    ):
        capture = Capture(company)
        settings = _settings(folder / "home")
        for source in API_SOURCES:
            _attempt(capture, source, importlib.import_module(f"ingestion.sources.{source}").check)
            _attempt(capture, source, partial(lake.pull, source, START, FIRST, settings=settings))
        company.advance(LATER)
        for source in API_SOURCES:
            _attempt(capture, source, partial(lake.pull, source, FIRST - ONE_DAY, LATER, settings=settings))
        settings = _settings(folder / "empty")
        for source in API_SOURCES:
            in_small_pages(source, patch)
            for days in (28, 1):
                _attempt(capture, source, partial(lake.pull, source, LATER - days * ONE_DAY, LATER, settings=settings))
        _attempt(capture, "salesforce", partial(_signed_in, company, patch))
        yield capture


def _signed_in(company: Running, patch: pytest.MonkeyPatch) -> None:
    """Salesforce's other way in: a session by an assertion that the app signed."""
    private, public = key_pair()
    company.sandbox.credentials = replace(company.sandbox.credentials, salesforce_certificate=public)
    patch.setenv("SOURCES__SALESFORCE__USERNAME", company.sandbox.credentials.salesforce_username)
    patch.setenv("SOURCES__SALESFORCE__PRIVATE_KEY", private)
    salesforce.check()


def _settings(home: Path) -> Settings:
    """Settings of an empty home."""
    os.environ |= {
        "KPILOTE_HOME": str(home),
        "KPILOTE_LAKE_URL": "",
        "KPILOTE_HASH_KEY": "a key of the tests",
        "KPILOTE_START_DATE": START.isoformat(),
        "KPILOTE_SOURCES": ",".join(SOURCES),
    }
    return reload()


def _attempt(capture: Capture, source: str, pull: Callable[[], object]) -> None:
    """What is asked meanwhile is this source's; one that failed is not tried again."""
    if source in capture.failures:
        return
    seen = len(capture.company.requests)
    try:
        pull()
    except Exception as error:
        capture.failures[source] = error
    capture.requests[source] += capture.company.requests[seen:]
