import pytest

from tests.conftest import once
from tests.dbt_project.warehouse import Warehouse


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse built from an empty lake: every model exists, every data test and unit test ran."""
    return Warehouse(once(tmp_path_factory, "empty", lambda home: Warehouse(home).dbt("build")))
