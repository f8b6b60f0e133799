"""A home with a hand-made warehouse, for each test its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving import warehouse
from tests.serving.warehouse import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "home")
    warehouse.build(places.warehouse_path)
    return places
