"""Gate raw, the loads: every table is covered, up to date, and no row was lost or refused unseen.

Belongs here: what `_windows`, `_quarantine`, `_received` and `_dlt_loads` say about a table. What its rows say is in
`raw.py`.
"""

from collections.abc import Iterator

from expectations import model
from expectations.limits import limits
from expectations.model import Expectation
from ingestion.registry import SOURCES, Table, apis, tables
from ingestion.settings import Settings

# A newest load with a larger share of refused rows than this is not worth building on.
REFUSED_SHARE = 0.01
# Refused rows are shown this long, though they stop nothing.
REFUSED_DAYS = 30
# A table whose newest window ends this many days before the newest one of any source is behind.
BEHIND_DAYS = 2
# What rows received must add up to, in terms of what the lake's files hold of a load.
RECEIVED = "accepted + quarantined + suppressed"
MEND_AND_RERUN = "Mend it at the vendor (or in the file), then run `kpilote refresh` again."


def of_lake(table: Table, settings: Settings) -> Iterator[Expectation]:
    """What must be true of the loads of a lake table."""
    yield _loaded(table)
    yield _accounted(table)
    if SOURCES[table.source].is_api:
        is_pulled = table.source not in settings.frozen_sources
        if table.kind == "window":
            yield _every_day_covered(table)
            if is_pulled:
                yield _covered_from_the_start(table, settings)
        if is_pulled:
            yield _up_to_date(table, settings)
    yield from _quarantine(table)


def _loaded(table: Table) -> Expectation:
    return model.no_rows(
        "loaded",
        f"""
        select '{table.full_name}' as never_loaded from (select count(*) from {{batch}})
        where not exists (select 1 from {table.source}._windows where table_name = '{table.name}')
        """,  # noqa: S608
        reason="No committed load covers the table, so its KPIs would read zero.",
        mend=f"Pull {table.source}: `kpilote refresh`; `kpilote doctor` says whether it can be reached.",
    )


def _every_day_covered(table: Table) -> Expectation:
    """No hole between the windows; a pull goes on from the last one, so holes come of ranges that were asked for."""
    command = "kpilote refresh --cadence daily --from ' || ended || ' --to ' || last"
    return model.learned(
        "every_day_covered",
        f"""
        select ended as day, size || ' days to ' || last || ' that no load covers ({command} || ')' as found,
            'none' as usual, size
        from (
            select max(window_end) over earlier as ended, window_start - 1 as last, window_start - ended as size
            from {table.source}._windows where table_name = '{table.name}'
            window earlier as (
                order by window_start, window_end rows between unbounded preceding and 1 preceding
            )
        ) as windows /* {{batch}} */
        where size > 0 order by day
        """,  # noqa: S608
        column=table.day_column,
        reason="Nobody pulled these days, and KPIs would call them zero and final.",
        mend="Pull them (of a frozen source: take it out of KPILOTE_FROZEN_SOURCES for that refresh); if the vendor no"
        " longer has them, accept it.",
    )


def _covered_from_the_start(table: Table, settings: Settings) -> Expectation:
    """Its windows begin where KPIs do: with the first day any source was pulled for (`int_lake__coverage`).

    Days of a frozen source of the same kind are told by that one. `history.since` of `limits.yml` may say that there
    were none before; where it lies within what was pulled, it speaks of something else. Records are not judged: a first
    pull reads all of them, whatever its days.
    """
    since, kind = limits(table.full_name).history.since, SOURCES[table.source].kind
    others = [name for name in settings.frozen_sources if SOURCES[name].kind == kind]
    known = [
        *(f"(select max(window_end) from {name}._windows)" for name in others),  # noqa: S608
        *([f"case when date '{since}' <= begun then date '{since}' end"] if since else []),
    ]
    command = "kpilote refresh --cadence daily --from ' || begins || ' --to ' || all_begun - 1 || '"
    return model.learned(
        "covered_from_the_start",
        f"""
        select begins as day, begun - begins || ' days to ' || begun - 1 || ' without {table.source}, pulled from '
            || begun || ' on, while KPIs begin on ' || kpis_begin || ' ({command})' as found,
            'none' as usual, begun - begins as size
        from (
            select *, greatest({", ".join(["kpis_begin", *known])}) as begins
            from (select min(window_start) as kpis_begin from ({_windows(settings)})), ({_first_days(settings)})
            where table_name = '{table.full_name}'
        ) as windows /* {{batch}} */
        where begun > begins
        """,  # noqa: S608
        column=table.day_column,
        reason="A source that came later than the others reads zero and final on the days before it.",
        mend="Pull them (KPILOTE_START_DATE must not lie after the first); if the vendor has no such days, accept it or"
        " name its first day in expectations/limits.yml (history: since).",
        severity="warning",
    )


def _first_days(settings: Settings) -> str:
    """The first day of each table of days, and the one from which on all of them are pulled: a refresh pulls every
    source, so one that ended before it would leave a hole in those that begin later.
    """
    names = ", ".join(f"'{table.full_name}'" for table in tables(settings.sources) if table.kind == "window")
    windows = " union all ".join(
        f"select '{name}.' || table_name as table_name, window_start from {name}._windows"  # noqa: S608
        for name in apis(settings.sources)
        if name not in settings.frozen_sources
    )
    return f"""
        select table_name, min(window_start) as begun, max(min(window_start)) over () as all_begun
        from ({windows}) where table_name in ({names}) group by table_name
    """  # noqa: S608


def _windows(settings: Settings) -> str:
    """What every source but the files says its loads covered."""
    selected = (f"select window_start, window_end from {name}._windows" for name in apis(settings.sources))  # noqa: S608
    return " union all ".join(selected)


def _up_to_date(table: Table, settings: Settings) -> Expectation:
    return model.no_rows(
        "up_to_date",
        f"""
        select mine.ends_on, newest.ends_on as newest_ends_on
        from (
            select max(window_end) as ends_on from {table.source}._windows where table_name = '{table.name}'
        ) as mine, (select max(window_end) as ends_on from ({_windows(settings)})) as newest /* {{batch}} */
        where mine.ends_on < newest.ends_on - {BEHIND_DAYS}
        """,  # noqa: S608
        reason=f"It ends more than {BEHIND_DAYS} days before the newest table, and KPIs end with the oldest one.",
        mend=f"Pull {table.source}: its last runs failed or were skipped.",
        severity="warning",
    )


def _accounted(table: Table) -> Expectation:
    """What each load says it received is what the lake's files of that load hold.

    Loads from before there were accounts are not judged, nor those of a window table whose days a later load covers.
    """
    source, mine = table.source, f"table_name = '{table.name}'"
    said = "null::bigint as received, null::bigint as accepted_then, null::bigint as suppressed"
    held = "null::bigint as accepted, null::bigint as quarantined"
    judged = f"load_id::double >= (select min(_dlt_load_id::double) from {source}._received)"  # noqa: S608
    superseded = f"and load_id not in ({_superseded(table)})" if table.kind == "window" else ""
    return model.no_rows(
        "rows_accounted_for",
        f"""
        select load_id, sum(received) as received, sum(accepted_then) as accepted_then,
            coalesce(sum(accepted), 0) as accepted, coalesce(sum(quarantined), 0) as quarantined,
            coalesce(sum(suppressed), 0) as suppressed
        from (
            select _dlt_load_id as load_id, rows_received as received, rows_accepted as accepted_then,
                rows_suppressed as suppressed, null::bigint as accepted, null::bigint as quarantined
            from {source}._received where {mine}
            union all
            select _dlt_load_id, {said}, count(*), null from {source}."{table.name}_committed" group by _dlt_load_id
            union all
            select _dlt_load_id, {said}, null, count(*) from {source}._quarantine where {mine} group by _dlt_load_id
            union all
            select _dlt_load_id, {said}, {held} from {source}._windows where {mine}
        ) as rows /* {{batch}} */
        where {judged} {superseded}
        group by load_id
        having sum(received) is distinct from {RECEIVED} or sum(accepted_then) is distinct from accepted
        """,  # noqa: S608
        reason="Rows received must be rows accepted plus rows quarantined plus rows of erased people turned away: rows"
        " of this load were lost or doubled.",
        mend=f"Restore the files of that load in {source}/{table.name} from the backup (of a compacted load the"
        " whole folder, and _dlt_loads), or remove a copy. Without one:"
        " pull those days again, or, of records, move the source's folder out of the lake and pull it anew.",
    )


def _superseded(table: Table) -> str:
    """Loads whose every window lies inside a later load's: nothing they said still counts."""
    windows = f"{table.source}._windows"
    return f"""
        select earlier._dlt_load_id from {windows} as earlier where earlier.table_name = '{table.name}'
        group by all having bool_and(exists (
            select 1 from {windows} as later
            where later.table_name = '{table.name}' and later._dlt_load_id::double > earlier._dlt_load_id::double
                and later.window_start <= earlier.window_start and later.window_end >= earlier.window_end
        ))
    """  # noqa: S608


def _quarantine(table: Table) -> Iterator[Expectation]:
    refused = f"{table.source}._quarantine"
    newest = f"(select max(_dlt_load_id::double) from {table.source}._windows where table_name = '{table.name}')"  # noqa: S608
    mine = f"table_name = '{table.name}'"
    committed = f'{table.source}."{table.name}_committed"'
    yield model.no_rows(
        "few_rows_refused",
        f"""
        select refused.rows as quarantined, kept.rows as accepted, refused.columns from
        (
            select count(*) as rows, list(distinct column_name) as columns
            from {refused} where {mine} and _dlt_load_id::double = {newest}
        ) as refused,
        (select count(*) as rows from {committed} where _dlt_load_id::double = {newest}) as kept /* {{batch}} */
        where refused.rows > {REFUSED_SHARE} * (refused.rows + kept.rows)
        """,  # noqa: S608
        reason=f"More than {REFUSED_SHARE:.0%} of the newest load could not be parsed and is missing from every KPI.",
        mend=f"See {table.source}/_quarantine in the lake for column and reason. {MEND_AND_RERUN}",
    )
    # Rows refused of a day that was pulled again since are forgotten with it; a record's may still be missing.
    owners = f'{table.source}."{table.name}_owners"'
    standing = f"_dlt_load_id in (select load_id from {owners})" if table.kind == "window" else "true"  # noqa: S608
    keys = ", ".join(f"'{column}'" for column in dict.fromkeys((*table.key, *filter(None, [table.day_column]))))
    yield model.no_rows(
        "no_keys_refused",
        f"""
        select row_number, column_name, value_type, reason, received_at from {refused} /* {{batch}} */
        where {mine} and column_name in ({keys}) and _dlt_load_id::double = {newest}
        """,  # noqa: S608
        column=", ".join(table.key),
        reason="A row whose key or day could not be read is missing from every KPI, and no later load can replace it.",
        mend=MEND_AND_RERUN,
    )
    yield model.no_rows(
        "no_rows_refused",
        f"""
        select row_number, column_name, value_type, reason, received_at from {refused} /* {{batch}} */
        where {mine} and {standing} and received_at >= (select max(pulled_at) from {table.source}._windows)
            - interval {REFUSED_DAYS} day
        """,  # noqa: S608
        reason="Single rows could not be parsed and are missing from the KPIs.",
        mend="Mend the rows at the vendor: what changes there is pulled again.",
        severity="warning",
    )
