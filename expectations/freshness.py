"""Freshness: how old the newest row was when a table was pulled, against earlier pulls.

The moment of a pull is the end of the days it covered, or when it began where that was earlier (`_windows`), never
the clock of this machine: a day pulled again next year is as fresh as it was. Pulls since the newest row arrived do
not count as usual, so a source that stands still cannot get used to it; gaps in a table's days count as usual delays.
Files people edit are pulled when somebody saved them, and have no usual delay.
"""

from collections.abc import Iterator

from expectations import profile
from expectations.findings import ACCEPT_OR_LIMIT, beyond, expectations, severity_of
from expectations.limits import Delay, Limits
from expectations.model import Expectation
from ingestion.registry import LOAD_ID, Table


def applies(table: Table) -> bool:
    """Whether the table has rows with a time, and a vendor that should have new ones."""
    return profile.is_api(table) and _moment(table) is not None


def of_lake(table: Table) -> Iterator[Expectation]:
    """Freshness of a lake table."""
    if applies(table):
        yield from expectations(
            table,
            "freshness",
            ("newest_row_on_time", "newest_row_nearly_on_time"),
            reason="The newest row is older than it usually is when the table is pulled: the source may stand still.",
            mend=f"See whether {table.source} still receives data (a tag, a form, an integration), then run"
            f" `kpilote refresh` again; {ACCEPT_OR_LIMIT}",
        )


def _moment(table: Table) -> str | None:
    """SQL of the moment a row speaks of: a time of its key, when it changed or was created, or the end of its day."""
    times = [column.name for column in table.columns if column.type == "timestamp"]
    known = [name for name in times if name in table.key or name in (table.updated_column, "created_at")]
    if known:
        return table.updated_column or known[0]
    return f"({table.day_column} + 1)::timestamptz" if table.day_column else None


def findings(table: Table, limit: Limits) -> str:
    """SQL of the findings."""
    fresh, history = limit.freshness, limit.history
    columns = {name: f'{table.source}."{table.name}_{name}"' for name in ("committed", "days")}

    def late(delay: Delay) -> str:
        return f"delay > {delay.times} * usual_delay + {delay.days}"

    since = "" if history.since is None else f" and delays.moment >= timestamptz '{history.since}'"
    return f"""
        with loads as (
            select windows.{LOAD_ID.name} as load_id, max(least(pulled_at, window_end::timestamptz)) as moment
            from {table.source}._windows as windows where table_name = '{table.name}' group by 1
        ),
        brought as (
            select {LOAD_ID.name} as load_id, max({_moment(table)}) as newest from {columns["committed"]} group by 1
        ),
        pulls as (
            select moment, max(newest) over (order by load_id::double) as newest
            from loads left join brought using (load_id)
        ),
        delays as (
            select moment, any_value(newest) as newest, greatest(0, epoch(moment - max(newest)) / 86400) as delay
            from pulls where newest is not null group by moment
        ),
        present as (select * from delays order by moment desc limit 1),
        before as (
            select delays.delay from delays, present
            where delays.newest < present.newest
                and delays.moment > present.moment - interval {7 * history.weeks} day{since}
        ),
        gaps as (
            select day - lag(day) over (order by day) - 1 as gap, day, newest from {columns["days"]}, present
        ),
        usual as (
            select count(*) as pulls, greatest(quantile_cont(delay, 0.95), coalesce((
                select max(gap) from gaps where day > newest::date - {7 * history.weeks} and day <= newest::date
            ), 0)) as usual_delay
            from before
        )
        select
            {severity_of(beyond(fresh.critical, late), beyond(fresh.warning, late))} as severity,
            '{_label(table)}' as column_name, newest::date as day,
            format('newest row {{:.1f}} days before the pull', delay) as found,
            format('up to {{:.1f}} days over {{}} pulls', usual_delay, pulls) as usual, delay as size
        from present, usual where severity is not null and pulls >= {fresh.least_pulls}
    """  # noqa: S608


def _label(table: Table) -> str:
    """The column `_moment` reads."""
    moment = _moment(table) or ""
    return table.day_column if moment.startswith("(") and table.day_column else moment
