"""A source whose account is closed: its history counts on, the others go on, and nobody asks it for anything."""

from __future__ import annotations

import json

import duckdb
import pytest

from tests.conftest import Home, attempt, serving


def _deals(home: Home) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home.path / "kpilote.duckdb"), read_only=True) as release:
        return release.execute("select deal_id, created_at, amount from marts.fct_deals order by all").fetchall()


@pytest.mark.slow
def test_a_refresh_goes_on_without_the_closed_account(home_copy: Home) -> None:
    before = _deals(home_copy)
    with serving(home_copy.older(5)) as served:
        assert served.server is not None
        closed = {"SOURCES__HUBSPOT__ACCESS_TOKEN": "", "KPILOTE_FROZEN_SOURCES": "hubspot"}
        home = Home(served.path, {**served.environment, **closed}, served.world, until=served.until)
        done = attempt(home, "daily", home_copy.until, home.last_day)
        assert done.outcome.success, done.outcome.failure
        asked = {each.path for each in served.server.requests}
    assert asked
    assert not [path for path in asked if "hubspot" in path]
    with duckdb.connect(str(home.path / "kpilote.duckdb"), read_only=True) as release:
        through = release.execute("select max(data_through) from marts.kpi_values").fetchall()
        visits = release.execute("select max(session_date) from marts.fct_sessions").fetchall()
    assert (through, visits) == ([(home.last_day,)], [(home.last_day,)])
    assert before
    assert before == _deals(home)
    newest = max((home.path / "gx" / "results" / "raw").glob("*.json"))
    result = json.loads(newest.read_text(encoding="utf-8"))
    # Four days behind the others, which is as it should be.
    late = [one["name"] for each in result["tables"] for one in each["expectations"] if not one["success"]]
    assert result["passed"]
    assert "up_to_date" not in late
    assert not [each for each in result["tables"] if each["table"].startswith("hubspot.") and not each["passed"]]
