"""What tests of the orchestration share beside the built home: an empty one, which this process's settings point at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion import settings as settings_module
from orchestration.environment import variables
from tests.conftest import home_environment
from tests.machine import do_without
from tests.postgres import binaries, running


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with variables(home_environment(tmp_path / "home")):
        settings_module.reload()
        yield tmp_path / "home"
    settings_module.settings.cache_clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of an empty PostgreSQL."""
    folder = binaries()
    if folder is None:
        do_without("PostgreSQL", "postgresql")
    with running(folder) as address:
        yield address
