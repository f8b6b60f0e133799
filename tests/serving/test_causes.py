"""What counts as a cause: rows a load can explain, rules that were edited, columns and sources that joined since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from serving import marts
from serving.ledger import derived, facts, lake, origins, record
from tests.dbt_project.warehouse import Warehouse

DAY = dt.date(2026, 3, 1)
INPUT = facts.Input(
    kpi="revenue", input_name="won", fact="fct_deals", fact_key="deal_id", day_column="closed_date",
    dimensions="partner", expression="amount", filter=None, is_snapshot=False, window_start=None, window_end=None,
    cadence_column=None, window_cadence=None,
)  # fmt: skip


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with marts.memory() as fresh:
        yield fresh


def two_sides(connection: duckdb.DuckDBPyConnection, fact: str, old: str, new: str) -> None:
    for side, rows in (("old", old), ("new", new)):
        connection.execute(f"create schema {side}_changed")
        connection.execute(f"create view {side}_changed.{fact} as {rows}")


def causes(connection: duckdb.DuckDBPyConnection, fact: str, key: str, otherwise: str | None) -> list[object]:
    connection.execute("create table happened (kind varchar, id varchar, cause varchar)")
    facts.diff(connection, fact, key)
    columns = {row[0] for row in connection.execute(f"describe new_changed.{fact}").fetchall()}
    origins.explain(connection, fact, columns, otherwise)
    found = connection.execute(f"select cause from diff_{fact} left join row_causes_{fact} using (row_id) order by 1")
    return [cause for (cause,) in found.fetchall()]


def test_a_column_that_joined_a_fact_makes_no_row_another_one(connection: duckdb.DuckDBPyConnection) -> None:
    """And a KPI that is cut by it from now on can still be compared with a release that did not know it."""
    rows = "from (values ('d1', 10), ('d2', {})) as deals (deal_id, amount)"
    two_sides(
        connection,
        "fct_deals",
        f"select *, date '{DAY}' as closed_date {rows.format(20)}",
        f"select *, date '{DAY}' as closed_date, 'Acme' as partner {rows.format(21)}",
    )
    facts.diff(connection, "fct_deals", "deal_id")
    told = connection.execute(
        "select old_row.partner, new_row.partner, old_row.amount, new_row.amount from diff_fct_deals"
    )
    assert told.fetchall() == [(None, "Acme", 20, 21)]

    connection.execute("create table hits (cell_id bigint, cause varchar)")
    connection.execute("create table row_causes_fct_deals as select row_id, 'edit' as cause from diff_fct_deals")
    for side in ("old", "new"):
        connection.execute(f"create view horizon_{side} as select date '2026-03-09' as through")
    connection.execute(
        "create table changed_cells as select 1 as cell_id, 'revenue' as kpi, 'month' as cadence,"
        " 'partner' as dimension, 'Acme' as dimension_value, date '2026-03-01' as period_start,"
        " date '2026-03-31' as period_end, false as is_first_report"
    )
    facts.hit(connection, INPUT, ["month"])
    assert connection.execute("from hits").fetchall() == [(1, "edit")]


@pytest.mark.parametrize(
    ("received", "cause"),
    [
        (("ga4", DAY, DAY), "late_data"),
        (("ga4", DAY + dt.timedelta(days=1), DAY + dt.timedelta(days=3)), "late_data"),  # a session over midnight
        (("ga4", DAY + dt.timedelta(days=9), DAY + dt.timedelta(days=12)), "definition_change"),
        (("spreadsheets", DAY, DAY), "definition_change"),
        (None, "definition_change"),
    ],
)
def test_sessions_are_late_only_where_a_load_speaks_for_their_day(
    connection: duckdb.DuckDBPyConnection, received: tuple[object, ...] | None, cause: str
) -> None:
    row = f"select 's1' as session_key, date '{DAY}' as session_date, '{{}}' as channel"
    two_sides(connection, "fct_sessions", row.format("email"), row.format("newsletter"))
    connection.execute("create table received (source varchar, first_day date, last_day date)")
    if received:
        connection.execute("insert into received values (?, ?, ?)", received)
    assert causes(connection, "fct_sessions", "session_key", "definition_change") == [cause]


@pytest.mark.parametrize(("edited", "cause"), [(True, "definition_change"), (False, None)])
def test_credits_that_another_channel_has_are_of_the_rules(
    connection: duckdb.DuckDBPyConnection, edited: bool, cause: str | None
) -> None:
    row = "select 'customer:d' as conversion_id, 't' as touch_id, '{}' as channel, 1.0 as linear_credit"
    two_sides(connection, "attribution_credits", row.format("paid_search"), row.format("brand"))
    otherwise = "definition_change" if edited else None
    assert causes(connection, "attribution_credits", "conversion_id, touch_id", otherwise) == [cause]


@pytest.mark.parametrize(("source", "cause"), [("spreadsheets", "cost_file"), ("ga4", None)])
def test_costs_changed_by_a_file_only_where_one_came(
    connection: duckdb.DuckDBPyConnection, source: str, cause: str | None
) -> None:
    row = f"select date '{DAY}' as date_day, 'ads' as kind, {{}} as amount_reporting, 'EUR' as currency"
    two_sides(connection, "fct_spend", row.format(1), row.format(2))
    connection.execute("create table received as select ? as source, ? as first_day, ? as last_day", [source, DAY, DAY])
    assert causes(connection, "fct_spend", "date_day, kind", None) == [cause]


def test_everything_of_a_source_that_joined_since_is_news(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    home = Warehouse(tmp_path)
    at = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
    contact = {"contact_id": "c1", "archived": False, "created_at": at, "updated_at": at}
    home.load("5.0", "hubspot", {"contacts": [contact]}, {"contacts": [(DAY, DAY + dt.timedelta(days=2))]})
    connection.execute("attach ':memory:' as warehouse; create schema warehouse.staging")
    connection.execute(
        "create table warehouse.staging.stg_hubspot__windows as select '5.0' as load_id, 'contacts' as table_name,"
        f" date '{DAY}' as window_start, date '{DAY}' + 2 as window_end"
    )
    for before, cause in (({"ga4": "7.0"}, [("contact", "hubspot:c1", "late_data")]), ({"hubspot": "5.0"}, [])):
        lake.read(connection, home.settings, before)
        assert connection.execute("from happened").fetchall() == cause
        days = connection.execute("from received").fetchall()
        assert days == ([("hubspot", DAY, DAY + dt.timedelta(days=1))] if cause else [])


@pytest.mark.parametrize(
    ("hits", "was_open", "cause", "parts"),
    [
        (["erasure"], False, "erasure", "erasure"),
        (["erasure", "unexplained"], False, "mixed", "erasure, unexplained"),
        (["unexplained"], True, "unexplained", "unexplained"),
        (["period_open", "unexplained"], True, "mixed", "period_open, unexplained"),
        ([], True, "period_open", "period_open"),
        ([], False, "unexplained", "unexplained"),
    ],
)
def test_what_has_no_cause_is_said_beside_what_has_one(
    connection: duckdb.DuckDBPyConnection, hits: list[str], was_open: bool, cause: str, parts: str
) -> None:
    sides = ", ".join(
        f"1.0 as {side}_{what}" for side in ("old", "new") for what in ("value", "numerator", "denominator")
    )
    connection.execute(
        "create table changed_cells as select 1 as cell_id, 'mrr' as kpi, 'year' as cadence,"
        f" date '{DAY}' as period_start, 'total' as dimension, 'total' as dimension_value, 'changed' as change,"
        f" {sides}, false as was_final,"
        f" {was_open} as was_open, 'v' as definition_version, false as is_first_report, false as is_redefined"
    )
    connection.execute("create table hits (cell_id bigint, cause varchar)")
    for hit in hits:
        connection.execute("insert into hits values (1, ?)", [hit])
    connection.execute(record._TOLD)
    assert connection.execute("select cause, cause_parts from told").fetchall() == [(cause, parts)]


def test_a_colleagues_touch_in_the_path_moves_the_credits_of_a_deal(connection: duckdb.DuckDBPyConnection) -> None:
    """Paths may be those of a company: a late touch of somebody who is not the deal's contact is why."""
    connection.execute("create table happened (kind varchar, id varchar, cause varchar)")
    connection.execute(
        "insert into happened values ('acquisition', 'colleague', 'late_data'), ('acquisition', 'x', 'fx')"
    )
    conversions = "select 'customer:d' as conversion_id, 'contact' as person_id"
    touches = "select 't' || person_id as touch_id, * from (values ('contact'), ('colleague'), ('x')) as r (person_id)"
    for side in ("old", "new"):
        connection.execute(f"create schema {side}")
        connection.execute(f"create table {side}.fct_conversions as {conversions}")
        connection.execute(f"create table {side}.fct_touchpoints as {touches}")
    credits = "select 'customer:d' as conversion_id, 't' || person_id as touch_id from (values {}) as r (person_id)"
    two_sides(
        connection, "attribution_credits", credits.format("('contact')"), credits.format("('contact'), ('colleague')")
    )
    connection.execute("create table behind (conversion_id varchar, moved_id varchar)")
    connection.execute("create table diff_fct_conversions as select c as new_row, c as old_row from"
                       " (select *, 1 as lead_at from new.fct_conversions) as c limit 0")  # fmt: skip
    connection.execute(derived.CREDITED)
    found = connection.execute("select id, cause from happened where kind = 'conversion'").fetchall()
    assert found == [("customer:d", "late_data")]


def test_what_moved_before_a_conversion_moves_its_credits(connection: duckdb.DuckDBPyConnection) -> None:
    """Deal 1 was opened a week later than was said: the path of deal 2 begins later, that of deal 3, which was before,
    as it did. Deal 4's is as it was, deal 5 has a milestone that came late, and deal 6 lost a touch since and has
    one that moved itself.
    """
    connection.execute("""create table happened as from (values ('deal', '1', 'edit'), ('deal', '4', 'delete'),
        ('person', 'r', 'late_data')) as r (kind, id, cause)""")
    sides = (("old", 1, "null", "early", "late"), ("new", 8, "5", "late", "moved"))
    for side, opened, lead, first, other in sides:
        connection.execute(f"create schema {side}; create schema {side}_changed")
        connection.execute(f"""create table {side}.fct_conversions as select 'opportunity:' || deal as conversion_id,
            'opportunity' as conversion_type, person_id, company_id, day as converted_at, lead_at
            from (values (1, 'p', 'c', {opened}, null), (2, 'p', 'c', 20, null), (3, 'p', 'c', 0, null),
                (4, 'q', 'c', 21, null), (5, 'r', 'd', 22, {lead}), (6, 'p', 'd', 23, null))
            as r (deal, person_id, company_id, day, lead_at)""")
        connection.execute(f"""create table {side}.fct_touchpoints as from (values ('early', 'p', 5), ('late', 'p', 9),
            ('own', 'q', 2), ('moved', 'p', {opened})) as r (touch_id, person_id, touched_at)""")
        connection.execute(f"""create table {side}_changed.attribution_credits as from (values
            ('opportunity:2', 'late'), ('opportunity:2', '{first}'), ('opportunity:3', '{first}'),
            ('opportunity:4', 'own'), ('opportunity:5', '{first}'), ('opportunity:6', '{other}'))
            as r (conversion_id, touch_id)""")
        for fact in ("fct_conversions", "fct_touchpoints"):
            connection.execute(f"create view {side}_changed.{fact} as from {side}.{fact}")
    facts.diff(connection, "fct_conversions", "conversion_id")
    facts.diff(connection, "fct_touchpoints", "touch_id")
    connection.execute(derived.BEHIND)
    connection.execute(derived.CREDITED)
    found = connection.execute("select id, cause from happened where kind = 'conversion' order by 1").fetchall()
    assert found == [("opportunity:1", "edit"), ("opportunity:2", "edit"), ("opportunity:5", "late_data")]


def test_a_deal_is_met_through_its_contact_and_its_company(connection: duckdb.DuckDBPyConnection) -> None:
    """Late touches, moved colleagues and edited calls are why, and touches of days that nobody had reported yet."""
    connection.execute("create table happened (kind varchar, id varchar, cause varchar)")
    connection.execute("""insert into happened values ('acquisition', 'contact', 'late_data'),
        ('person', 'colleague', 'edit'), ('activity', 'call:1', 'delete'), ('person', 'stranger', 'merge')""")
    facts_told = {
        "fct_deals": "select 'd' || n as deal_id, 'c' || n as company_id, if(n = 1, 'contact', null) as person_id"
        " from range(1, 6) as r (n)",
        "dim_persons": "from (values ('contact', null), ('colleague', 'c2'), ('stranger', 'c9'))"
        " as r (person_id, company_id)",
        "fct_activities": "select 'call:1' as activity_id, 'c3' as company_id, null::varchar as person_id",
    }
    for side in ("old", "new"):
        connection.execute(f"create schema {side}")
        for name, query in facts_told.items():
            connection.execute(f"create table {side}.{name} as {query}")
    connection.execute(f"create view horizon_old as select date '{DAY}' as through")
    connection.execute(f"""create table diff_fct_touchpoints as select r as new_row, null as old_row
        from (values ('p4', 'c4', date '{DAY}' + 1), ('p5', 'c5', date '{DAY}'))
        as r (person_id, company_id, touched_date)""")
    connection.execute(derived.MET)
    found = connection.execute("select id, cause from happened where kind = 'deal_met' order by 1").fetchall()
    assert found == [("d1", "late_data"), ("d2", "edit"), ("d3", "delete"), ("d4", "new_touch")]
