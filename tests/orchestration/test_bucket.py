"""What reads a lake in a bucket after it was modelled: looking back, the ledger's causes, and their lineage."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from ingestion.filesystems import located
from serving import release
from tests.bucket import URL
from tests.conftest import Home
from tests.orchestration.test_cli import kpilote
from tests.serving.test_ledger import GATES


@pytest.fixture
def moved(home_copy: Home, store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Home:
    """The built home, its lake moved into a bucket."""
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    filesystem, root = located(f"{URL}/moved")
    filesystem.put(f"{home_copy.path}/lake", root, recursive=True)
    shutil.rmtree(home_copy.path / "lake")
    return replace(home_copy, environment={**home_copy.environment, "KPILOTE_LAKE_URL": f"{URL}/moved"})


@pytest.mark.slow
def test_a_lake_in_a_bucket_is_looked_back_at_and_named(moved: Home, tmp_path: Path) -> None:
    with moved.active() as now:
        with duckdb.connect(str(now.warehouse_path)) as warehouse:
            warehouse.execute("update marts.kpi_values_day set value = value + 1, period_fingerprint = 'other'")
        second = release.publish(now, GATES)
        with second.connect() as connection:
            told = connection.execute(
                "select count(*), count(cause) from kpi_ledger where release_id = $1", [second.id]
            ).fetchall()
    assert told[0][0] == told[0][1] > 0

    said = kpilote(moved.environment, "explain", "new_opportunities", "2025-03")
    assert said.exit_code == 0, said.output
    assert "hubspot/deals/" in said.output.replace("\n", "")
    said = kpilote(moved.environment, "refresh", "--as-of", "2000-01-01")
    assert said.exit_code == 1
    assert "the lake knew nothing at 2000-01-01" in said.output.replace("\n", " ")
    said = kpilote({**moved.environment, "KPILOTE_HOME": str(tmp_path / "new")}, "demo")
    assert said.exit_code == 1
    assert "your own accounts" in said.output.replace("\n", " ")
