"""A small share of `make chaos` on every change: refreshes killed where it hurts most, then one that must be whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chaos import kills
from tests.conftest import SCALE, Home


@pytest.mark.slow
def test_kills_while_loading_modelling_and_publishing_need_no_hand_and_lose_nothing(
    built_home: Home, tmp_path: Path
) -> None:
    for name in ("twin", "victim"):
        shutil.copytree(built_home.path, tmp_path / name, symlinks=True)
    said: list[str] = []
    with kills.fire(tmp_path, 7, said.append, kills.Founded(built_home.start, built_home.until, SCALE)) as under:
        under.next_day(3, iter(("load commit", "dbt", "publish")))
    report = "\n".join(said)
    assert len(under.kills) == 3
    assert not any(kill.lost or kill.torn for kill in under.kills), report
    assert sum(kill.stage != "end" for kill in under.kills) >= 2, f"the kills came too late to prove anything: {report}"
