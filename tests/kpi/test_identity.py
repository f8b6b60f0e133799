"""Identity against the truth of who is who and who sat at the screen."""

from collections.abc import Iterator

import duckdb
import pytest

from tests.kpi.built import Built
from tests.kpi.identity import found, held_back, measured, wholes
from tests.kpi.whose import truth


@pytest.fixture(scope="module")
def known(built: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    with truth(built) as connection:
        yield connection


def test_no_session_is_given_to_somebody_else_though_browsers_are_shared(known: duckdb.DuckDBPyConnection) -> None:
    sessions = found(known, "session")
    given = sessions[sessions["found"].notna()]
    assert given[given["found"] != given["truth"]].empty
    edges = "from edges where identifier_type = 'browser' and unused_because = 'known_later'"
    assert known.execute(f"select count(*) > 0 {edges}").fetchone() == (True,)


def test_a_browser_that_told_who_used_it_is_theirs(known: duckdb.DuckDBPyConnection) -> None:
    sessions = found(known, "session")
    linked = set(sessions.loc[sessions["found"].notna(), "client_id"])
    lost = sessions[sessions["client_id"].isin(linked) & sessions["truth"].notna() & sessions["found"].isna()]
    assert linked and lost.empty


def test_figures_of_sessions_add_up(known: duckdb.DuckDBPyConnection) -> None:
    figures = measured(found(known, "session")).set_index("evidence")
    whole, parts = figures.loc["all"], figures.drop("all")
    assert parts["right"].sum() == whole["right"] > 0
    assert set(parts.index) >= {"form", "login"}
    assert sum(parts["recall"]) < 1 and round(sum(parts["recall"]), 12) == round(float(whole["recall"]), 12)


@pytest.mark.parametrize("kind", ["contact", "company"])
def test_records_are_joined_as_the_crm_merged_them_and_by_nothing_else(
    known: duckdb.DuckDBPyConnection, kind: str
) -> None:
    """What is entered twice and not merged yet stays two: one CRM's records are left to it."""
    records = found(known, kind)
    joined = records[records["found"].notna()]
    assert set(joined["evidence"]) == {"crm_merge"}
    assert (joined["found"] == joined["truth"]).all()
    waiting = set(records.loc[records["found"].isna(), "identifier"])
    merged = known.execute(f"select identifier from edges where identifier_type = '{kind}' and evidence = 'crm_merge'")
    assert len(joined) > 3 and not waiting & {identifier for (identifier,) in merged.fetchall()}


def test_every_address_of_somebody_who_counts_is_theirs(known: duckdb.DuckDBPyConnection) -> None:
    """But for that of a record merged away, of which HubSpot tells nothing but its id."""
    addresses = found(known, "address")
    given = addresses[addresses["found"].notna()]
    assert len(given) > 100 and (given["found"] == given["truth"]).all()
    lost = addresses["found"].isna() & addresses["truth"].notna()
    assert lost.sum() == (found(known, "contact")["evidence"] == "crm_merge").sum() > 0


def test_whole_persons_and_companies_are_those_that_nobody_entered_twice(known: duckdb.DuckDBPyConnection) -> None:
    for row, kind in zip(wholes(known).itertuples(), ("contact", "company"), strict=True):
        records = found(known, kind)
        split = records.loc[records["found"].isna(), "truth"].nunique()
        assert (row.right, row.known) == (row.known - split, row.known)
        assert row.told == row.known + int(records["found"].isna().sum())


def test_no_guard_costs_anything_where_one_crm_is_used(known: duckdb.DuckDBPyConnection) -> None:
    assert held_back(known).empty


def test_a_link_to_somebody_else_is_seen(built: Built) -> None:
    """The measure itself: whoever was merged, and every address, given to one person."""
    with truth(built) as known:
        wrong = "max(person_id) over (partition by evidence, identifier_type) as person_id"
        known.execute(f"create or replace view edges as select * replace ({wrong}) from warehouse.marts.identity_edges")
        for what in ("contact", "address"):
            figures = measured(found(known, what)).set_index("evidence").loc["all"]
            assert figures["right"] <= 1 < figures["given"]
        assert wholes(known).set_index("what").loc["person", "right"] == 0


def test_what_a_guard_holds_back_and_was_right_is_what_it_costs(built: Built) -> None:
    """The measure itself: every merge of the CRM, refused."""
    with truth(built) as known:
        merges = {kind: int((found(known, kind)["evidence"] == "crm_merge").sum()) for kind in ("contact", "company")}
        known.execute(
            "create or replace view edges as select * replace (evidence <> 'crm_merge' as is_used,"
            " case when evidence = 'crm_merge' then 'shared' end as unused_because) from warehouse.marts.identity_edges"
        )
        held = held_back(known).set_index("identifier_type")
    assert set(held["guard"]) == {"shared"}
    assert held["links"].to_dict() == held["right"].to_dict() == merges
