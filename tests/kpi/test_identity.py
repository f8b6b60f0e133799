"""Identity against the truth of who sat at the screen."""

import duckdb

from tests.kpi.built import Built
from tests.kpi.identity import measured, sessions


def test_no_session_is_given_to_somebody_else_though_browsers_are_shared(built: Built) -> None:
    found = sessions(built.settings.warehouse_path, built.snapshot)
    given = found[found["found"].notna()]
    assert given[given["found"] != given["true_person"]].empty
    with duckdb.connect(str(built.settings.warehouse_path), read_only=True) as warehouse:
        edges = "from marts.identity_edges where identifier_type = 'browser' and unused_because = 'known_later'"
        assert warehouse.execute(f"select count(*) > 0 {edges}").fetchone() == (True,)


def test_a_browser_that_told_who_used_it_is_theirs(built: Built) -> None:
    found = sessions(built.settings.warehouse_path, built.snapshot)
    linked = set(found.loc[found["found"].notna(), "client_id"])
    lost = found[found["client_id"].isin(linked) & found["true_person"].notna() & found["found"].isna()]
    assert linked and lost.empty


def test_figures_add_up(built: Built) -> None:
    figures = measured(sessions(built.settings.warehouse_path, built.snapshot)).set_index("evidence")
    whole, parts = figures.loc["all"], figures.drop("all")
    assert parts["right"].sum() == whole["right"] > 0
    assert set(parts.index) >= {"form", "login"}
    assert sum(parts["recall"]) < 1 and round(sum(parts["recall"]), 12) == round(float(whole["recall"]), 12)
