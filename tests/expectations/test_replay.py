"""A clean company stops nothing: `replay.py` in a small form. `python -m tests.expectations.replay` is the long one."""

import datetime as dt
from pathlib import Path

import pytest

from tests.expectations.replay import START, pulled, replay

END = START + dt.timedelta(days=200)


@pytest.mark.slow
def test_a_clean_company_stops_nothing(tmp_path: Path) -> None:
    settings = pulled(tmp_path, 7, 0.1, END)
    found = list(replay(settings, START + dt.timedelta(days=95), END, 15))
    assert [each for each in found if each[2] == "critical"] == []
