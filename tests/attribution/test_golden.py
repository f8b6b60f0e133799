"""The engine credits each touch as the mart `attribution_credits` does: the same touches, the same golden credits."""

from pathlib import Path

import duckdb

from attribution import reading, tables, touches
from attribution.model import RULES, Settings

GOLDEN = Path(__file__).parents[1] / "golden"


def test_credits_equal_those_of_the_mart(tmp_path: Path) -> None:
    file = tmp_path / "log.parquet"
    with duckdb.connect() as con:
        con.execute(
            f"""
            copy (
                with touches as (from read_csv('{GOLDEN / "attribution_touches.csv"}')),
                conversions as (from read_csv('{GOLDEN / "attribution_conversions.csv"}')),
                milestones as (
                    select
                        max(touch_number) filter (touched_at <= lead_at) as lead_number,
                        max(touch_number) filter (touched_at <= opportunity_at) as opportunity_number,
                        person_id
                    from touches join conversions using (person_id) group by person_id
                )
                select
                    person_id as person, touched_at as time, channel, false as converted, null as value, touch_id,
                    coalesce(touch_number = lead_number, false) as lead_creating,
                    coalesce(touch_number = opportunity_number, false) as opportunity_creating
                from touches left join milestones using (person_id)
                union all
                select person_id, converted_at, null, true, value_reporting, conversion_id, false, false
                from conversions
            ) to '{file}'
            """
        )
        log, *_ = tables.log(con, reading.open_file(con, file), Settings(models=RULES))
        touches.windows(log)
        credits = touches.touch_credits(log)
        credits.create("credits")
        same = " and ".join(
            f"abs(got.{model}_credit - want.{model}_credit) <= 1e-12 and got.{model}_value = want.{model}_value"
            for model in RULES
        )
        got = con.execute(
            f"""
            with named as (
                select
                    conversion, person || ':' || microseconds || ':' || cents as name
                from conversions
            ),
            told as (
                select credits.*, name, channel
                from credits join named using (conversion) join units using (unit)
            ),
            wanted as (
                select
                    credits.*,
                    person_id || ':' || epoch_us(converted_at) || ':' || cast(value_reporting * 100 as bigint) as name
                from read_csv('{GOLDEN / "attribution_credits.csv"}') as credits
                join read_csv('{GOLDEN / "attribution_conversions.csv"}') using (conversion_id)
                where touch_id is not null
            )
            select
                count(*), count(got.name), count(want.name),
                count(*) filter (where {same} and got.channel = want.channel)
            from told as got full join wanted as want using (name, position)
            """
        ).fetchall()
    assert got == [(13, 13, 13, 13)]
