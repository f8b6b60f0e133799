"""Data-driven models in a built warehouse: a window is solved once, and solved again it says the same to the bit."""

from typing import Any

import duckdb
import pytest

from tests.kpi.built import Built, run

pytestmark = pytest.mark.slow
SHARES = "intermediate.int_attribution__shares"
RUN = ("run", "--select", "int_attribution__shares")


def test_a_window_is_solved_once_and_to_the_same_bits(built: Built) -> None:
    solved = _rows(built, f"from {SHARES} order by all")
    assert _rows(built, f"select distinct model from {SHARES} where share > 0 order by all") == [
        ("logistic",), ("markov",), ("shapley",), ("shapley_rate",)
    ]  # fmt: skip
    assert _rows(built, f"select count(*) > 0 from {SHARES} where withheld_reason is not null") == [(True,)]

    marked = f"update {SHARES} set note = 'held' where model = 'markov'"
    with duckdb.connect(str(built.settings.warehouse_path)) as connection:
        connection.execute(marked)
    run(built.settings, *RUN)
    assert _rows(built, f"select distinct note from {SHARES} where model = 'markov'") == [("held",)]
    run(built.settings, *RUN, "--full-refresh")
    assert _rows(built, f"from {SHARES} order by all") == solved


def test_credits_of_a_month_are_its_conversions(built: Built) -> None:
    """Exactly, in decimals: the shares of those with a touch, the others apart."""
    months = _rows(
        built,
        """
        select model, conversion_type, month, sum(conversions), sum(value),
            coalesce(sum(conversions) filter (channel = 'unattributed'), 0)
        from marts.attribution_data_driven where withheld_reason is null group by all
        """,
    )
    assert months
    had = {
        (kind, month): amounts
        for kind, month, *amounts in _rows(
            built,
            """
            select conversion_type, date_trunc('month', converted_date)::date, count(distinct conversion_id),
                sum(linear_value), count(*) filter (touch_id is null)
            from marts.attribution_credits group by all
            """,
        )
    }
    assert {(kind, month): amounts for _, kind, month, *amounts in months} == {
        (kind, month): had[kind, month] for _, kind, month, *_ in months
    }


def _rows(built: Built, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(built.settings.warehouse_path), read_only=True) as connection:
        return connection.execute(query).fetchall()
