from pathlib import Path

import pytest

from tests.dbt_project.warehouse import Warehouse


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse built from an empty lake: every model exists, every data test and unit test ran."""
    warehouse = Warehouse(Path(tmp_path_factory.mktemp("built")))
    warehouse.dbt("build")
    return warehouse
