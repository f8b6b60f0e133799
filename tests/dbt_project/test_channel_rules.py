"""Channel rules that a company changes: sessions of every age follow as in a full refresh, under a new version."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from orchestration import dbt
from tests.dbt_project.warehouse import Warehouse

JANUARY, FEBRUARY = dt.date(2026, 1, 10), dt.date(2026, 2, 10)
MODELS = ("dim_channel_rules", "channel_unmatched", "utm_hygiene")
SELECT = ("--select", *(f"+{name}" for name in MODELS), "--exclude-resource-type", "test", "unit_test")
# What people change is the seed: it is built once, then changed in its table.
RUN = ("run", "--select", *(f"+{name}" for name in MODELS))
OWN = "seeds.channel_rules_own (priority, source_pattern, medium_pattern, referrer_pattern, channel)"


def _session(day: dt.date, client: str, source: str, medium: str, **more: Any) -> dict[str, Any]:
    return {
        "event_date": day, "event_timestamp": dt.datetime.combine(day, dt.time(8), tzinfo=dt.UTC),
        "event_name": "page_view", "client_id": client, "session_id": 1, "event_ordinal": 0,
        "source": source, "medium": medium, "page_location": "https://a.example/", **more,
    }  # fmt: skip


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Two months, a session of January that no rule matches, and one of February whose referrer none looks at."""
    made = Warehouse(tmp_path)
    events = [
        _session(JANUARY, "a", "Fax", "paper", campaign="spring"),
        _session(JANUARY, "b", "google", "cpc", campaign="spring", click_id="gclid"),
        _session(FEBRUARY, "c", "google", "organic", campaign="(organic)", referrer_host="google.com"),
        _session(FEBRUARY, "d", "news", "referral", campaign="(referral)", referrer_host="news.example"),
    ]
    window = [(JANUARY, FEBRUARY + dt.timedelta(days=1))]
    made.load("1000.5", "ga4", {"events": events}, {"events": window})
    made.dbt("build", *SELECT)
    return made


def _channels(warehouse: Warehouse) -> dict[str, str]:
    return dict(warehouse.rows("select client_id, channel from marts.fct_sessions"))


def _version(warehouse: Warehouse) -> str:
    ((version,),) = warehouse.rows("select distinct rules_version from marts.dim_channel_rules")
    return str(version)


def _marts(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    return {name: warehouse.rows(f"from marts.{name} order by all") for name in ("fct_sessions", *MODELS)}


@pytest.mark.slow
def test_a_changed_rule_reaches_every_session_it_matches(warehouse: Warehouse) -> None:
    first, version = _marts(warehouse), _version(warehouse)
    assert _channels(warehouse) == {"a": "other", "b": "paid_search", "c": "organic_search", "d": "referral"}
    assert warehouse.rows("select source, medium, campaign, sessions from marts.channel_unmatched") == [
        ("fax", "paper", "spring", 1)
    ]
    assert warehouse.rows("select value, mistake, suggested from marts.utm_hygiene") == [("Fax", "case", "fax")]
    decided = "select channel_rule, sessions from marts.dim_channel_rules where sessions > 0 order by rule_number"
    assert warehouse.rows(decided) == [("default:42", 1), ("default:56", 1), ("default:60", 1)]

    warehouse.execute(
        f"insert into {OWN} values (20, null, 'paper', null, 'print'), (10, '', null, 'NEWS[.].*', 'press')"
    )
    warehouse.dbt(*RUN)
    assert _channels(warehouse) == {"a": "print", "b": "paid_search", "c": "organic_search", "d": "press"}
    assert warehouse.rows("from marts.channel_unmatched") == []
    assert warehouse.rows(decided) == [("own:10", 1), ("own:20", 1), ("default:42", 1), ("default:56", 1)]
    assert _version(warehouse) != version
    changed = _marts(warehouse)
    warehouse.dbt(*RUN, "--full-refresh")
    assert _marts(warehouse) == changed

    warehouse.execute("delete from seeds.channel_rules_own")
    warehouse.dbt(*RUN)
    assert _marts(warehouse) == first, "the same rules are the same version and give the same channels"


@pytest.mark.slow
def test_a_changed_list_of_sites_is_another_version(warehouse: Warehouse) -> None:
    version = _version(warehouse)
    warehouse.execute("insert into seeds.channel_sites values ('news', 'social')")
    warehouse.dbt(*RUN)
    assert _channels(warehouse)["d"] == "organic_social"
    assert _version(warehouse) != version


@pytest.mark.slow
def test_a_pattern_that_is_no_expression_is_named(warehouse: Warehouse) -> None:
    warehouse.execute(f"insert into {OWN} values (10, 'part(ner', null, null, 'partners')")
    said = dbt.invoke(warehouse.settings, [*RUN, "--log-level", "none"])
    assert any("part(ner" in line for line in said)
    assert _channels(warehouse)["a"] == "other"
