"""Column lineage is traced once per shape of a model's SQL, and anew when its shape or its parents change."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from orchestration import lineage
from orchestration.lineage import Lineage, column_lineage

TABLES = {"staging.visits": {"day": "date", "source": "varchar", "campaign": "varchar"}}
SQL = "select source as origin -- the day's\nfrom staging.visits where day in ('2026-01-01', '2026-01-02')"


def traced(
    sql: str, columns: list[str], cache: Path, tables: dict[str, dict[str, str]] = TABLES
) -> tuple[Lineage, bool]:
    """The lineage and whether it had to be traced."""
    with mock.patch.object(lineage, "_trace", wraps=lineage._trace) as trace:
        return column_lineage(sql, columns, tables, "duckdb", cache), trace.called


def test_other_days_need_no_trace(tmp_path: Path) -> None:
    first = {"origin": [("staging.visits", "source")]}
    assert traced(SQL, ["origin"], tmp_path) == (first, True)
    assert traced(SQL, ["origin"], tmp_path) == (first, False)
    other = SQL.replace("('2026-01-01', '2026-01-02')", "('2026-01-03')").replace("the day's", "it's another day")
    assert traced(other, ["origin"], tmp_path) == (first, False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/* the day's */ select source as origin from staging.visits where day = 'x'", None),
        ("select source as origin, 1 as \"o'n\" from staging.visits where day = 'x'", None),
        ("select 'p', 'q', source as origin, 's' from staging.visits", "select 'p', source as origin, 's', 't' from x"),
    ],
)
def test_texts_hide_no_sql(one: str, other: str | None, tmp_path: Path) -> None:
    traced(one, ["origin"], tmp_path)
    assert traced(other or one.replace("source", "campaign"), ["origin"], tmp_path)[1]


def test_another_column_is_traced(tmp_path: Path) -> None:
    traced(SQL, ["origin"], tmp_path)
    other = SQL.replace("select source", "select campaign")
    assert traced(other, ["origin"], tmp_path) == ({"origin": [("staging.visits", "campaign")]}, True)
    wider = {"staging.visits": {**TABLES["staging.visits"], "medium": "varchar"}}
    assert traced(SQL, ["origin"], tmp_path, wider)[1]
