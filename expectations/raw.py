"""Gate raw: what must be true of the lake before any model reads it.

Scope: the newest committed load of each record key and the newest window of each day, as `sight.lake` defines them,
so a plain rerun cannot hide bad rows that staging would still read. The base suite of a table derives from its
registry entry; what the registry cannot know (vocabularies, thresholds) stands at the top of this module. Loads are
judged in `loads.py`, what is unusual in `learned.py`.
"""

from collections.abc import Iterator

from expectations import learned, loads, model
from expectations.loads import MEND_AND_RERUN
from expectations.model import Expectation, Suite
from expectations.profile import DUCKDB_TYPES, ORDINALS
from ingestion.registry import LOAD_ID, SOURCES, Table
from ingestion.settings import Settings

# Vocabularies that models rely on: a new word would be counted wrongly in silence.
VOCABULARIES: dict[str, dict[str, frozenset[str]]] = {
    "hubspot.property_history": {
        "object_type": frozenset({"deal", "meeting"}),
    },
    "hubspot.associations": {
        "from_type": frozenset({"deal", "contact", "meeting", "call", "email"}),
        "to_type": frozenset({"contact", "company", "deal"}),
    },
    "pipedrive.deal_participants": {"from_type": frozenset({"deal"})},
    "pipedrive.deals": {"status": frozenset({"open", "won", "lost", "deleted"})},
    "mailchimp.sends": {"status": frozenset({"sent", "hard", "soft"})},
    "mailchimp.email_activity": {"action": frozenset({"open", "click", "bounce"})},
    "brevo.sends": {"status": frozenset({"sent", "hard", "soft"})},
    "brevo.email_activity": {"action": frozenset({"open", "click", "bounce"})},
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
    "matomo.visits": {
        "referrer_type": frozenset({"direct", "search", "website", "campaign", "social", "ai-assistant"})
    },
    "spreadsheets.targets": {
        "dimension": frozenset({"total", "channel", "campaign", "country", "segment", "owner", "partner", "movement"})
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
# Numbers that tell equal rows apart. A vendor repeats a few; many on one day are an export delivered twice.
REPEATED_SHARE, REPEATED_LEAST_ROWS = 0.2, 20
# Where an email platform's own totals of a campaign stand: table, number of recipients, instant of the send.
REPORTS = {
    "mailchimp.sends": ("reports", "emails_sent", "send_time"),
    "brevo.sends": ("campaign_statistics", "sent", "sent_at"),
}
# Recipients of recent campaigns that must be there, of those the campaign's own report counts.
SENDS_SHARE, SENDS_DAYS, SENDS_LEAST_ROWS = 0.9, 30, 20


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
    yield from loads.of_lake(table, settings)
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
    if any(column.type == "string" for column in table.columns):
        yield model.no_address((table.source, table.name))
    yield from _vocabularies(table)
    yield from _repeated(table)
    if table.full_name in REPORTS:
        yield _sends_complete(table.source, *REPORTS[table.full_name])
    yield from learned.of_lake(table)


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


def _repeated(table: Table) -> Iterator[Expectation]:
    """Few rows of a day repeat another in everything but their number."""
    ordinal = next((column for column in table.key if column in ORDINALS), None)
    if ordinal is None or table.day_column is None:
        return
    yield model.no_rows(
        "few_rows_repeated",
        f"""
        select {table.day_column}, count(*) as rows, count(*) filter (where {ordinal} > 0) as repeated
        from {{batch}} group by all
        having repeated > {REPEATED_SHARE} * rows and rows >= {REPEATED_LEAST_ROWS}
        """,  # noqa: S608
        column=ordinal,
        reason=f"More than {REPEATED_SHARE:.0%} of a day's rows repeat others, so counts of that day are too high.",
        mend=f"See whether {table.source} delivered the day twice (two export files). {MEND_AND_RERUN}",
    )


def _sends_complete(source: str, reports: str, sent: str, sent_at: str) -> Expectation:
    return model.no_rows(
        "sends_complete",
        f"""
        select campaign_id, report.{sent}, count(sends.campaign_id) as rows
        from {source}.{reports} as report
        left join (select campaign_id from {{batch}}) as sends using (campaign_id)
        where report.{sent} >= {SENDS_LEAST_ROWS} and report.{sent_at} >= (
            select max(window_end) from {source}._windows where table_name = 'sends'
        ) - interval {SENDS_DAYS} day
        group by all having rows < {SENDS_SHARE} * report.{sent}
        """,  # noqa: S608
        column="campaign_id",
        reason=f"Fewer than {SENDS_SHARE:.0%} of a campaign's recipients arrived, and email rates divide by them.",
        mend=f"Pull {source} again: `kpilote refresh`; recipients are re-read for 30 days.",
    )
