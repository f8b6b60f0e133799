"""`kpilote channels`: what a release says of unmatched sessions and badly tagged links."""

from __future__ import annotations

import io

import duckdb
import pytest
from rich.console import Console

from serving import release
from serving.release import ReleaseError
from serving.report import channels
from tests.serving.warehouse import GATES, Places

RULES = "select 'default:' || n as channel_rule, 'abcd1234' as rules_version, 30 as sessions from range(2) as r (n)"
COUNTS = (
    "n // 2 as converted_sessions, date '2026-01-01' as first_seen_on, date '2026-02-01' + n::integer as last_seen_on"
)
UNMATCHED = f"""
    select 'fax ' || n as source, '[bold]paper' as medium, '(none)' as campaign, 'x.org' as referrer,
        'gclid' as click_id, n * 10 as sessions, {COUNTS}
    from range(1, 4) as r (n)
"""
MISTAKES = f"""
    select 'medium' as parameter, 'E-Mail' as value, '(none)' as seen_with, 'synonym' as mistake, 'email' as suggested,
        1234 as sessions, {COUNTS}
    from range(1, 2) as r (n)
"""


def published(places: Places, **marts: str) -> release.Release:
    with duckdb.connect(str(places.warehouse_path)) as warehouse:
        for name, query in marts.items():
            warehouse.execute(f"create table marts.{name} as {query}")
    return release.publish(places, GATES)


def printed(made: release.Release, limit: int = 20) -> list[str]:
    console = Console(width=80, record=True, file=io.StringIO(), color_system=None)
    console.print(channels.render(made, limit))
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


def test_the_costliest_come_first_and_the_rest_is_counted(places: Places) -> None:
    lines = printed(published(places, dim_channel_rules=RULES, channel_unmatched=UNMATCHED, utm_hygiene=MISTAKES), 2)
    assert lines[0] == "Channel rules abcd1234: 2 rules"
    assert lines[1].startswith("60 sessions have their channel from a rule, 60 (50.0%) from none; release")
    first = lines.index("fax 3 [bold]paper x.org gclid 30 1 2026-02-04")
    assert lines[first + 1] == "fax 2 [bold]paper x.org gclid 20 1 2026-02-03"
    assert lines[first + 2] == "1 more: --limit 3, or the mart channel_unmatched"
    assert "medium synonym E-Mail email 1,234 0 2026-02-02" in lines


def test_where_all_is_well_it_says_so(places: Places) -> None:
    none = (f"from ({UNMATCHED}) where false", f"from ({MISTAKES}) where false")
    lines = printed(published(places, dim_channel_rules=RULES, channel_unmatched=none[0], utm_hygiene=none[1]))
    assert "60 sessions have their channel from a rule, 0 (0.0%) from none" in lines[1]
    assert lines[-3:] == ["Sessions no rule matches: none", "", "Mistakes in the tags of links: none"]


def test_a_release_of_an_earlier_kpilote_names_the_mend(places: Places) -> None:
    with pytest.raises(ReleaseError, match=r"has no dim_channel_rules, .*kpilote refresh --cadence daily"):
        channels.render(published(places), 20)
