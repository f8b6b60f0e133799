"""A small share of `make chaos` on every change: refreshes killed where it hurts, then one that must be whole.

Kills within publication and within a load's last steps are tried one by one in tests/serving and tests/ingestion.
"""

from __future__ import annotations

import time

import pytest

from serving import release
from tests.chaos.victim import Refresh, damage, refresh, stage_of
from tests.conftest import Home, serving
from tests.orchestration.marts import contents
from tests.serving.warehouse import Places

MODEL_SECONDS = 1.0  # into a step that takes many


@pytest.mark.slow
def test_refreshes_killed_while_loading_and_modelling_need_no_hand_and_lose_nothing(home_copy: Home) -> None:
    """Days refreshed again change nothing, whatever became of the refreshes in between."""
    before, day = contents(home_copy.path), home_copy.last_day
    with serving(home_copy) as served:

        def begin() -> Refresh:
            return refresh(served.environment, "daily", day, day)

        loading = begin()
        loading.wait_for_load(home_copy.path / "lake" / "hubspot", 4)
        assert loading.kill(), loading.said
        assert damage(home_copy.path) == []

        modelling = begin()
        while not any(label == "gate: raw data" for label, _, _ in modelling.ended):
            modelling.wait_for(len(modelling.ended) + 1)
            assert modelling.process.poll() is None, modelling.said
        time.sleep(MODEL_SECONDS)
        assert modelling.kill(), modelling.said
        assert stage_of(modelling.ended[-1][0]) == "gate", modelling.lines
        assert damage(home_copy.path) == []

        last = begin()
        assert last.wait() == 0, last.lines
    assert contents(home_copy.path) == before
    assert release.verify(Places(home_copy.path)) == []
