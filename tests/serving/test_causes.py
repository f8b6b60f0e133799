"""What counts as a cause: rows a load can explain, rules that were edited, columns and sources that joined since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from serving import marts, release
from serving.ledger import days, derived, facts, lake, origins, record
from tests.dbt_project.warehouse import Warehouse
from tests.serving.warehouse import GATES, Places

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


def causes(
    connection: duckdb.DuckDBPyConnection,
    fact: str,
    key: str,
    otherwise: str | None,
    happened: Sequence[tuple[str, str, str]] = (),
) -> list[object]:
    connection.execute("create table happened (kind varchar, id varchar, cause varchar)")
    for one in happened:
        connection.execute("insert into happened values (?, ?, ?)", one)
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


RECEIVED = "create table received (source varchar, table_name varchar, first_day date, last_day date)"


@pytest.mark.parametrize(
    ("received", "edited", "found"),
    [
        (("ga4", "events", DAY, DAY), False, ["late_data"]),
        (("ga4", "events", DAY, DAY), True, ["definition_change", "late_data"]),
        (
            ("matomo", "visits", DAY + dt.timedelta(days=1), DAY + dt.timedelta(days=3)),
            False,
            ["late_data"],
        ),  # midnight
        (("ga4", "events", DAY + dt.timedelta(days=9), DAY + dt.timedelta(days=12)), True, ["definition_change"]),
        (("hubspot", "contacts", DAY, DAY), True, ["definition_change"]),
        (("mailchimp", "sends", DAY, DAY), False, [None]),
        (("spreadsheets", "touches", DAY, DAY), True, ["definition_change"]),
    ],
)
def test_sessions_are_late_only_where_a_load_of_theirs_speaks_for_their_day(
    connection: duckdb.DuckDBPyConnection, received: tuple[object, ...], edited: bool, found: list[object]
) -> None:
    """Where the rules were changed as well, both may be why."""
    row = f"select 's1' as session_key, date '{DAY}' as session_date, '{{}}' as channel"
    two_sides(connection, "fct_sessions", row.format("email"), row.format("newsletter"))
    connection.execute(RECEIVED)
    connection.execute("insert into received values (?, ?, ?, ?)", received)
    assert causes(connection, "fct_sessions", "session_key", "definition_change" if edited else None) == found


@pytest.mark.parametrize(("edited", "cause"), [(True, "definition_change"), (False, None)])
def test_credits_that_another_channel_has_are_of_the_rules(
    connection: duckdb.DuckDBPyConnection, edited: bool, cause: str | None
) -> None:
    row = "select 'customer:d' as conversion_id, 't' as touch_id, '{}' as channel, 1.0 as linear_credit"
    two_sides(connection, "attribution_credits", row.format("paid_search"), row.format("brand"))
    otherwise = "definition_change" if edited else None
    assert causes(connection, "attribution_credits", "conversion_id, touch_id", otherwise) == [cause]


@pytest.mark.parametrize(
    ("row", "happened", "found"),
    [
        (("null", "a"), "late_data", ["late_data"]),
        (("a", "null"), "delete", ["delete"]),
        (("null", "a"), "edit", ["definition_change", "edit"]),
        (("a", "a"), "edit", ["definition_change", "edit"]),
        (("a", "a"), None, ["definition_change"]),
    ],
)
def test_new_rules_may_be_why_of_all_but_what_came_or_went(
    connection: duckdb.DuckDBPyConnection, row: tuple[str, str], happened: str | None, found: list[str]
) -> None:
    sides = (
        f"select '{one}' as activity_id, {number} as owner, '' as person_id, '' as company_id where '{one}' <> 'null'"
        for number, one in enumerate(row)
    )
    two_sides(connection, "fct_activities", *sides)
    told = [("activity", "a", happened)] if happened else []
    assert causes(connection, "fct_activities", "activity_id", "definition_change", told) == found


def test_a_colleague_who_is_called_otherwise_explains_what_names_them(connection: duckdb.DuckDBPyConnection) -> None:
    row = "(values ('a', '{}', 1), ('b', 'Bob', {})) as r (activity_id, owner, kind)"
    sides = (
        f"select *, '' as person_id, '' as company_id from {row.format(owner, kind)}"
        for owner, kind in (("Ann", 1), ("Anne", 2))
    )
    two_sides(connection, "fct_activities", *sides)
    renamed = [("owner_name", name, "edit") for name in ("Ann", "Anne", "Bob")]
    assert causes(connection, "fct_activities", "activity_id", None, renamed) == ["edit", None]


def lake_of_two_loads(
    connection: duckdb.DuckDBPyConnection, home: Warehouse, source: str, name: str, first: object, second: object
) -> None:
    """A table of which each load says something of DAY, and the warehouse's list of them."""
    covered = [(DAY, DAY + dt.timedelta(days=2))]
    for load_id, rows in (("5.0", first), ("7.0", second)):
        home.load(load_id, source, {name: rows}, {name: covered})  # type: ignore[dict-item]
    connection.execute("attach if not exists ':memory:' as warehouse")
    connection.execute("create schema if not exists warehouse.staging")
    connection.execute(
        f"create table warehouse.staging.stg_{source}__windows as select unnest(['5.0', '7.0']) as load_id,"
        f" '{name}' as table_name, date '{DAY}' as window_start, date '{DAY}' + 2 as window_end"
    )


@pytest.mark.parametrize(
    ("edited", "more", "last_day"),
    [(False, False, DAY + dt.timedelta(days=1)), (True, False, None), (True, True, DAY)],
)
def test_a_day_pulled_again_as_it_was_explains_nothing_where_the_rules_were_changed(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, edited: bool, more: bool, last_day: dt.date | None
) -> None:
    """As they were not, a row that differs can only differ because of the load: then its rows are not read."""
    event = {"event_date": DAY, "client_id": "b", "event_name": "page_view", "event_ordinal": 0}
    home = Warehouse(tmp_path)
    again = [event, {**event, "event_ordinal": 1}] if more else [event]
    lake_of_two_loads(connection, home, "ga4", "events", [event], again)
    days.read(connection, home.settings, {"ga4": "5.0"}, set(), joined=(), are_rules_changed=edited)
    told = connection.execute("select table_name, first_day, last_day from received").fetchall()
    assert told == ([("events", DAY, last_day)] if last_day else [])


@pytest.mark.parametrize(
    ("name", "day", "spend", "edited", "found"),
    [
        ("ad_spend", DAY, 2, False, ["cost_file"]),
        ("ad_spend", DAY, 2, True, ["cost_file", "definition_change"]),
        ("ad_spend", DAY, 1, True, ["definition_change"]),  # read again, as every load does
        ("ad_spend", DAY + dt.timedelta(days=1), 2, True, ["definition_change"]),
        ("targets", DAY, 2, False, [None]),
    ],
)
def test_costs_are_of_a_file_only_where_it_says_something_else_of_their_day(
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    name: str,
    day: dt.date,
    spend: int,
    edited: bool,
    found: list[object],
) -> None:
    """A currency that was switched, or another list of what is marketing, moves costs as well."""
    value = {"ad_spend": "spend", "targets": "target"}[name]
    row = {"date": day, "period_start": day, value: 1, "file_name": "f.csv", "row_number": 2}
    home = Warehouse(tmp_path)
    lake_of_two_loads(connection, home, "spreadsheets", name, [row], [{**row, value: spend}])
    row_of = f"select date '{DAY}' as date_day, 'ads' as kind, {{}} as amount_reporting, 'EUR' as currency"
    two_sides(connection, "fct_spend", row_of.format(1), row_of.format(2))
    connection.execute(f"create view horizon_old as select date '{DAY}' + 5 as through")
    facts.diff(connection, "fct_spend", "date_day, kind")
    days.read(connection, home.settings, {"spreadsheets": "5.0"}, {"fct_spend"}, joined=(), are_rules_changed=edited)
    assert causes(connection, "fct_spend", "date_day, kind", "definition_change" if edited else None) == found


def test_which_sources_are_on_is_a_rule_that_a_release_remembers(places: Places) -> None:
    """One of an earlier Kpilote, which kept nothing about them, says nothing of them."""
    done = release.publish(places, GATES)
    assert record._otherwise(places, done) is None
    fewer = replace(places, sources=places.sources[1:])
    assert record._otherwise(fewer, done) == "definition_change"
    del done.manifest["sources"]
    assert record._otherwise(fewer, done) is None


def test_everything_of_a_source_that_joined_since_is_news(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Or, where it was switched on since, a change of the rules."""
    home = Warehouse(tmp_path)
    at = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
    contact = {"contact_id": "c1", "archived": False, "created_at": at, "updated_at": at}
    lake_of_two_loads(connection, home, "hubspot", "contacts", [contact], [])
    for before, joined, cause in (
        ({"ga4": "7.0"}, (), "late_data"),
        ({"ga4": "7.0"}, ("hubspot",), "definition_change"),
        ({"hubspot": "7.0"}, (), None),
    ):
        lake.read(connection, home.settings, before, joined)
        found = connection.execute("from happened").fetchall()
        assert found == ([("contact", "hubspot:c1", cause)] if cause else [])
        days.read(connection, home.settings, before, set(), joined=joined, are_rules_changed=False)
        heard = connection.execute("select distinct first_day, last_day from received").fetchall()
        assert heard == ([(DAY, DAY + dt.timedelta(days=1))] if cause == "late_data" else [])


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


@pytest.mark.parametrize("edited", [False, True])
def test_touches_say_where_a_person_came_from_as_far_as_a_load_can_have_moved_them(
    connection: duckdb.DuckDBPyConnection, edited: bool
) -> None:
    """Visits by analytics, listed touches by their file; who is behind a browser or an address may follow from any
    load, but where the rules were changed too, only from a record of the person.
    """
    connection.execute("create table happened (kind varchar, id varchar, cause varchar)")
    connection.execute(
        "insert into happened values ('person', 'edited', 'edit'), ('person', 'added', 'definition_change')"
    )
    connection.execute(RECEIVED)
    connection.execute(f"""insert into received values ('ga4', 'events', date '{DAY}', date '{DAY}'),
        ('spreadsheets', 'touches', date '{DAY}' + 9, date '{DAY}' + 9)""")
    touches = (
        ("visitor", "visitor", "session", 0, True),
        ("reader", "reader", "email_click", 0, False),
        ("guest", "guest", "event", 9, True),
        ("stranger", "stranger", "event", 0, False),
        (None, "edited", "email_click", 0, True),
        (None, "added", "email_click", 0, not edited),
        (None, "unknown", "meeting", 0, not edited),
    )
    touch = "{{'person_id': {}, 'touch_type': '{}', 'touch_id': '{}', 'touched_date': date '{}' + {}}}"

    def side(person: str | None, number: int, kind: str, day: int) -> str:
        return touch.format(f"'{person}'", kind, number, DAY, day) if person else "null"

    rows = ", ".join(
        f"({side(old, number, kind, day)}, {side(new, number, kind, day)})"
        for number, (old, new, kind, day, _) in enumerate(touches)
    )
    connection.execute(f"create table diff_fct_touchpoints as from (values {rows}) as r (old_row, new_row)")
    connection.execute(f"create view horizon_old as select date '{DAY}' + 20 as through")
    connection.execute("create table rules as select ?::boolean as are_changed", [edited])
    connection.execute(derived.ACQUIRED)
    found = connection.execute("select id, cause from happened where kind = 'acquisition' order by 1").fetchall()
    assert found == sorted((str(new), "late_data") for _, new, _, _, is_moved in touches if is_moved)


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
