"""Where marts are cut: every row is in one part, whatever its moment."""

from __future__ import annotations

import datetime as dt

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from serving.parts import Cut

MOMENTS = st.lists(st.datetimes(dt.datetime(1999, 12, 1), dt.datetime(2031, 2, 1)), min_size=1, max_size=30)


@given(moments=MOMENTS, by=st.sampled_from(["year", "day"]))
def test_a_row_is_in_the_part_of_its_label_and_in_no_other(moments: list[dt.datetime], by: str) -> None:
    cut = Cut("moment", by)
    with duckdb.connect() as connection:
        connection.execute("create table moments as select unnest($1::timestamp[]) as moment", [moments])
        labels = connection.execute(f"select moment, ({cut.label('moments')})::varchar from moments").fetchall()
        for label in {label for _, label in labels}:
            held = connection.execute(f"select moment from moments where {cut.holds(label)}").fetchall()
            assert sorted(at for (at,) in held) == sorted(at for at, own in labels if own == label)
    newest = max(moments)
    this_month = newest.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    assert {len(label) for at, label in labels if at >= this_month} == {4 if by == "year" else 10}
    assert {len(label) for at, label in labels if at < this_month} <= {4 if by == "year" else 7}
