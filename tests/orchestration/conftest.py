"""What tests of the orchestration share beside the built home: an empty one, which this process's settings point at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion import settings as settings_module
from orchestration.environment import variables
from tests.conftest import home_environment
from tests.postgres import binaries, running


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with variables(home_environment(tmp_path / "home")):
        settings_module.reload()
        yield tmp_path / "home"
    settings_module.settings.cache_clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of an empty PostgreSQL. CI installs one; elsewhere its tests are skipped where there is none."""
    folder = binaries()
    if folder is None:
        if "CI" in os.environ:
            pytest.fail("CI needs Debian's postgresql: .ci/run installs it")
        pytest.skip("PostgreSQL is not installed")
    with running(folder) as address:
        yield address
