"""Gates on some of their expectations, by limits of their own and without the pages of Data Docs, which are tested
elsewhere; what they found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from expectations import docs, gate, limits
from expectations.results import ExpectationResult, GateResult
from ingestion.settings import Settings

Found = Mapping[tuple[str, str], ExpectationResult]


def found_in(result: GateResult) -> Found:
    return {(each.table, one.name): one for each in result.tables for one in each.expectations}


def without_pages() -> AbstractContextManager[object]:
    """Gates write no page: it takes a tenth of their time."""
    return mock.patch.object(docs, "write", lambda _, pages: dict.fromkeys(pages, ""))


def judged(settings: Settings, wanted: Collection[tuple[str, str]]) -> Found:
    """What it says of the wanted expectations, (table, name), and of no other: each of them takes its time."""
    suites = [
        replace(suite, expectations=tuple(one for one in suite.expectations if (suite.table, one.name) in wanted))
        for suite in gate.suites("raw", settings=settings)
    ]
    with without_pages():
        return found_in(gate.judge("raw", [suite for suite in suites if suite.expectations], settings))


def written(path: Path, **changes: Any) -> Path:
    """The limits of the project with some of them changed, in a file of their own."""
    said = yaml.safe_load(limits.LIMITS.read_text())
    target = path / "limits.yml"
    target.write_text(yaml.safe_dump({**said, **changes}))
    return target
