from pathlib import Path

import pytest

from tests.conftest import once
from tests.kpi.built import Built, at, build
from tests.kpi.project import KpiProject


@pytest.fixture(scope="session")
def kpi_project(tmp_path_factory: pytest.TempPathFactory) -> KpiProject:
    """The dbt project, parsed once."""
    home: Path = tmp_path_factory.mktemp("kpi_project")
    return KpiProject(home)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A small company, pulled and built once."""
    return at(once(tmp_path_factory, "company", build))
