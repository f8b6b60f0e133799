"""Gate raw: what must be true of the lake before any model reads it.

Scope: the newest committed load of each record key and the newest window of each day, as `sight.lake` defines them,
so a plain rerun cannot hide bad rows that staging would still read. The base suite of a table derives from its
registry entry; what the registry cannot know (vocabularies, thresholds) stands at the top of this module.
"""

from collections.abc import Iterator

from expectations import model, volume
from expectations.model import Expectation, Suite
from ingestion.registry import LOAD_ID, SOURCES, Table
from ingestion.settings import Settings

# A newest load with a larger share of refused rows than this is not worth building on.
REFUSED_SHARE = 0.01
# Refused rows are shown this long, though they stop nothing.
REFUSED_DAYS = 30
# A table whose newest window ends this many days before the newest one of any source is behind.
BEHIND_DAYS = 2

# Vocabularies that models rely on: a new word would be counted wrongly in silence.
VOCABULARIES: dict[str, dict[str, frozenset[str]]] = {
    "hubspot.property_history": {
        "object_type": frozenset({"deal", "meeting"}),
    },
    "hubspot.associations": {
        "from_type": frozenset({"deal", "contact", "meeting", "call", "email"}),
        "to_type": frozenset({"contact", "company", "deal"}),
    },
    "mailchimp.sends": {"status": frozenset({"sent", "hard", "soft"})},
    "mailchimp.email_activity": {"action": frozenset({"open", "click", "bounce"})},
    "spreadsheets.targets": {"cadence": frozenset({"day", "week", "month", "quarter", "year"})},
}
# Vocabularies a vendor or a person may extend: a new word is shown, models call it something else meanwhile.
OPEN_VOCABULARIES: dict[str, dict[str, frozenset[str]]] = {
    "hubspot.meetings": {"outcome": frozenset({"SCHEDULED", "COMPLETED", "NO_SHOW", "CANCELED", "RESCHEDULED"})},
    "hubspot.calls": {"direction": frozenset({"INBOUND", "OUTBOUND"})},
    "hubspot.emails": {"direction": frozenset({"EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL"})},
    "mailchimp.members": {
        "status": frozenset({"subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived"})
    },
    "mailchimp.campaigns": {"status": frozenset({"save", "paused", "schedule", "sending", "sent"})},
    "spreadsheets.targets": {
        "dimension": frozenset({"total", "channel", "campaign", "country", "segment", "owner", "movement"})
    },
}
# Day on which an amount is turned into the reporting currency, where the lake itself says so.
RATE_DAYS = {
    "spreadsheets.ad_spend": "date",
    "spreadsheets.marketing_costs": "month",
    "spreadsheets.subscriptions": "started_on",
}
# Numbers that may be negative: none of them is an amount or a count.
SIGNED = {"spreadsheets.targets": ("target",), "spreadsheets.benchmarks": ("value",)}
FX_RATES = "spreadsheets.fx_rates"
DUCKDB_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "double": "DOUBLE",
    "decimal": "DECIMAL(18,2)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "strings": "VARCHAR[]",
}
MEND_AND_RERUN = "Mend it at the vendor (or in the file), then run `kpilote refresh` again."


def suites(settings: Settings) -> tuple[Suite, ...]:
    """One suite per table of the enabled sources."""
    return tuple(
        Suite(
            gate="raw",
            table=table.full_name,
            relation=(table.source, table.name),
            expectations=tuple(_base(table, settings)),
            key=table.key,
        )
        for name in settings.sources
        for table in SOURCES[name].tables.values()
    )


def _base(table: Table, settings: Settings) -> Iterator[Expectation]:
    yield _columns(table)
    yield _loaded(table)
    if SOURCES[table.source].is_api:
        yield _up_to_date(table, settings)
    for column in table.columns:
        if not column.nullable:
            yield model.not_null(
                column.name,
                reason="Rows without it cannot be told apart or placed, and staging drops or misplaces them.",
                mend=MEND_AND_RERUN,
            )
    yield model.unique(
        table.key,
        reason="One load served a key twice: staging would have to pick one of them blindly.",
        mend=f"Find out why {table.source} sends it twice (paging, a merge, two rows of a file). {MEND_AND_RERUN}",
    )
    yield from _numbers(table)
    yield from _currency(table, settings)
    yield model.no_address((table.source, table.name))
    yield from _vocabularies(table)
    yield from _quarantine(table)
    yield from volume.of_lake(table)


def _columns(table: Table) -> Expectation:
    declared = ", ".join(f"('{column.name}', '{DUCKDB_TYPES[column.type]}')" for column in (*table.columns, LOAD_ID))
    return model.no_rows(
        "columns_as_declared",
        f"""
        select declared.name, declared.type, found.data_type as found
        from (values {declared}) as declared (name, type)
        left join duckdb_columns() as found
            on found.column_name = declared.name
            and found.schema_name = '{table.source}' and found.table_name = '{table.name}' /* {{batch}} */
        where found.data_type is distinct from declared.type
        """,  # noqa: S608
        reason="Models are written against the declared columns and types.",
        mend=f"If the vendor changed it on purpose, change ingestion/tables/{table.source}.py, else restore the files.",
    )


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


def _up_to_date(table: Table, settings: Settings) -> Expectation:
    apis = [name for name in settings.sources if SOURCES[name].is_api]
    windows = " union all ".join(f"select table_name, window_end from {name}._windows" for name in apis)  # noqa: S608
    return model.no_rows(
        "up_to_date",
        f"""
        select mine.ends_on, newest.ends_on as newest_ends_on
        from (
            select max(window_end) as ends_on from {table.source}._windows where table_name = '{table.name}'
        ) as mine, (select max(window_end) as ends_on from ({windows})) as newest /* {{batch}} */
        where mine.ends_on < newest.ends_on - {BEHIND_DAYS}
        """,  # noqa: S608
        reason=f"It ends more than {BEHIND_DAYS} days before the newest table, and KPIs end with the oldest one.",
        mend=f"Pull {table.source}: its last runs failed or were skipped.",
        severity="warning",
    )


def _numbers(table: Table) -> Iterator[Expectation]:
    for column in table.columns:
        if column.type not in ("decimal", "integer", "double") or column.name in SIGNED.get(table.full_name, ()):
            continue
        most = 1.0 if column.name == "probability" else None
        yield model.between(
            column.name,
            0,
            most,
            name=f"{column.name}_not_negative" if most is None else f"{column.name}_in_range",
            reason="A negative amount or count turns sums around." if most is None else "It is a share.",
            mend=f"Refunds and credits have their own events and rows. {MEND_AND_RERUN}",
        )
    if table.full_name == FX_RATES:
        yield model.no_rows(
            "rate_positive",
            "select date, currency, rate from {batch} where not rate > 0",
            column="rate",
            reason="A rate of zero makes every amount in that currency worth nothing.",
            mend="Mend the fx_rates file, then run `kpilote refresh` again.",
        )


def _currency(table: Table, settings: Settings) -> Iterator[Expectation]:
    if not any(column.name == "currency" for column in table.columns) or table.full_name == FX_RATES:
        return
    shown = ", ".join(dict.fromkeys((*table.key, "currency")))
    foreign = f"upper(trim(currency)) <> '{settings.currency}'"
    rates = "spreadsheets" in settings.sources
    known = (
        "select upper(trim(currency)) from spreadsheets.fx_rates where currency is not null"
        if rates
        else "select null where false"
    )
    yield model.no_rows(
        "currency_known",
        f"select {shown} from {{batch}} where {foreign} and upper(trim(currency)) not in ({known})",  # noqa: S608
        column="currency",
        reason=f"There is no exchange rate to {settings.currency} for it, and an amount is never taken at 1.",
        mend="Add the currency to the fx_rates file, or mend the code at the vendor; then run `kpilote refresh` again.",
    )
    day = RATE_DAYS.get(table.full_name)
    if day is not None and rates:
        yield model.no_rows(
            "rate_on_the_day",
            f"""
            select {shown}, {day} from (select * from {{batch}}) as rows
            where {foreign} and upper(trim(currency)) in ({known}) and not exists (
                select 1 from spreadsheets.fx_rates as rates
                where rates.date = rows.{day} and upper(trim(rates.currency)) = upper(trim(rows.currency))
            )
            """,  # noqa: S608
            column=f"currency, {day}",
            reason="An amount is turned into the reporting currency at the rate of its own day, or lost without one.",
            mend="Complete the fx_rates file for that day, then run `kpilote refresh` again.",
        )


def _vocabularies(table: Table) -> Iterator[Expectation]:
    for column, words in VOCABULARIES.get(table.full_name, {}).items():
        yield model.one_of(
            column,
            words,
            reason="Models know these words only and would leave the row out.",
            mend="If the word is right, teach it to staging and to expectations/raw.py.",
        )
    for column, words in OPEN_VOCABULARIES.get(table.full_name, {}).items():
        yield model.one_of(
            column,
            words,
            reason="A word no rule knows yet: it is kept as it is.",
            mend="Add it to expectations/raw.py and, where it matters, to the models.",
            severity="warning",
        )


def _quarantine(table: Table) -> Iterator[Expectation]:
    refused = f"{table.source}._quarantine"
    newest = f"(select max(_dlt_load_id::double) from {table.source}._windows where table_name = '{table.name}')"  # noqa: S608
    mine = f"table_name = '{table.name}'"
    committed = f'{table.source}."{table.name}_committed"'
    yield model.no_rows(
        "rows_accounted_for",
        f"""
        select refused.load_id, refused.received, refused.rows as quarantined, count(kept._dlt_load_id) as accepted
        from (
            select _dlt_load_id as load_id, max(row_number) as received, count(*) as rows
            from {refused} where {mine} group by all
        ) as refused left join {committed} as kept on kept._dlt_load_id = refused.load_id /* {{batch}} */
        group by all having refused.received > refused.rows + count(kept._dlt_load_id)
        """,  # noqa: S608
        reason="Rows received must be rows accepted plus rows quarantined: here rows were lost on the way.",
        mend="Check that no file of the load was removed from the lake; pull the days again.",
    )
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
    yield model.no_rows(
        "no_rows_refused",
        f"""
        select row_number, column_name, value_type, reason, received_at from {refused} /* {{batch}} */
        where {mine} and received_at >= (select max(pulled_at) from {table.source}._windows)
            - interval {REFUSED_DAYS} day
        """,  # noqa: S608
        reason="Single rows could not be parsed and are missing from the KPIs.",
        mend="Mend the rows at the vendor: what changes there is pulled again.",
        severity="warning",
    )
