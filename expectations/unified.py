"""Gate unified: what must be true of the unified entities (`intermediate.int_*`) before the marts are built.

Here sources have met: ids are whole, amounts have a rate on their day, dates follow each other, rows refer to rows
that exist. What a live CRM gets wrong without harm to a KPI is a warning. Addresses are looked for where data enter and
where they leave (gates raw and marts).
"""

from collections.abc import Iterator

from expectations import model, volume
from expectations.model import Expectation, Severity, Suite
from expectations.reach import no_day_taken_back
from ingestion.settings import Settings

SCHEMA = "intermediate"
# Of so many days' sessions no channel rule may match this share before somebody is told.
UNMATCHED_SHARE, UNMATCHED_DAYS = 0.05, 28
# Sessions rebuilt from events may differ from GA4's own report by this share, and by this many on quiet days.
SESSIONS_SHARE, SESSIONS_ROWS = 0.05, 10
# What the daily reports of an analytics tool call sessions (stg_<source>__daily_traffic).
REPORTED_SESSIONS = {"ga4": "sessions", "matomo": "visits"}
# GA4 still changes its newest days; the four weeks before them are compared.
SESSIONS_LATE_DAYS, SESSIONS_DAYS = 3, 28
# People pass the lifecycle stages in order, but for a few whose stages were set by hand.
STAGES_IN_ORDER = 0.95
# Touches are of persons, and of those who ordered on a browser that is nobody's.
STRANGERS = (
    f"union all select 'browser:' || client_id from {SCHEMA}.int_orders__unified"  # noqa: S608
    " where person_id is null and client_id is not null"
)
MODEL_MEND = "Look at the model that makes it (dbt_project/models/intermediate); run `kpilote refresh` after the mend."
SOURCE_MEND = "Mend the record at the vendor, then run `kpilote refresh` again."
FX_MEND = "Complete the fx_rates file for that day and currency, then run `kpilote refresh` again."


def suites(settings: Settings) -> tuple[Suite, ...]:
    """The suites of the unified entities; those of sources that are not enabled have nothing to fail on."""
    return (
        _suite(
            "int_lake__coverage",
            ("data_from", "data_through"),
            _one_row(),
            _order("data_from", "data_through"),
            no_day_taken_back(settings),
        ),
        _suite(
            "int_fx_rates__daily",
            ("currency", "date_day"),
            model.between("rate", 1e-9, None, name="rate_positive", reason="A rate of zero loses money.", mend=FX_MEND),
            _rates_without_gaps(),
        ),
        _suite("int_owners__unified", ("owner_id",)),
        _suite("int_companies__unified", ("company_id",)),
        _suite(
            "int_persons__unified",
            ("person_id",),
            _present("created_at"),
            _stages("lead_at", "mql_at"),
            _stages("mql_at", "sql_at"),
            _stages("sql_at", "opportunity_at"),
            _stages("opportunity_at", "customer_at"),
            _refers("company_id", "int_companies__unified"),
        ),
        _suite("int_persons__acquisition", ("person_id",), _refers("person_id", "int_persons__unified")),
        _suite(
            "int_deals__unified",
            ("deal_id",),
            _present("created_at"),
            *_money("created_amount_reporting"),
            *_money("amount_reporting"),
            _order("created_at", "closed_at", "warning"),
            _refers("company_id", "int_companies__unified"),
            _refers("person_id", "int_persons__unified"),
            _copies_have_a_day(),
        ),
        _suite(
            "int_activities__unified",
            ("activity_id",),
            _present("booked_at"),
            _words("kind", {"meeting", "call", "email"}),
            _refers("person_id", "int_persons__unified"),
            _refers("company_id", "int_companies__unified"),
        ),
        _suite(
            "int_spend__unified",
            ("spend_id",),
            _present("date_day"),
            *_money("amount_reporting"),
            _spend_channels(),
        ),
        _suite(
            "int_mrr__balances",
            ("company_id", "valid_from"),
            *_money("opening"),
            *_money("closing"),
            _balances_roll_forward(),
            _refers("company_id", "int_companies__unified", "warning"),
        ),
        _suite(
            "int_sessions__unified",
            ("session_key",),
            _present("started_at"),
            _present("client_id"),
            _not_negative("page_views"),
            _not_negative("engagement_seconds"),
            _not_negative("key_events"),
            _channels_matched(),
            _refers("person_id", "int_persons__unified"),
            *volume.volume(
                "session_date", "select data_from as first, data_through as last from intermediate.int_lake__coverage",
                "the analytics source",
            ),
            *_sessions_reconcile(settings),
        ),
        _suite(
            "int_orders__unified",
            ("order_id",),
            _present("ordered_at"),
            *_money("value_reporting"),
            *_money("refunded_reporting"),
            _refers("person_id", "int_persons__unified"),
            _refers("company_id", "int_companies__unified"),
        ),
        _suite(
            "int_email_sends__unified",
            ("send_id",),
            _present("sent_at"),
            _present("campaign"),
            _refers("person_id", "int_persons__unified"),
        ),
        _suite(
            "int_email_events__unified",
            ("event_id",),
            _present("occurred_at"),
            _words("action", {"open", "click", "unsubscribe"}),
            _refers("send_id", "int_email_sends__unified", "warning"),
        ),
        _suite(
            "int_touchpoints__unified",
            ("touch_id",),
            _present("touched_at"),
            _refers("person_id", "int_persons__unified", also=STRANGERS),
        ),
    )  # fmt: skip


def _suite(table: str, key: tuple[str, ...], *expectations: Expectation) -> Suite:
    """The suite of a model: its key whole and unique, and what is its own."""
    whole = tuple(
        model.not_null(column, reason="A row without its key can be neither found nor joined.", mend=MODEL_MEND)
        for column in key
    )
    unique = model.unique(key, reason="Every join on it would multiply rows and amounts.", mend=MODEL_MEND)
    return Suite("unified", table, (SCHEMA, table), (*whole, unique, *expectations), key)


def _present(column: str) -> Expectation:
    return model.not_null(column, reason="Without it the row belongs to no period of any KPI.", mend=SOURCE_MEND)


def _not_negative(column: str) -> Expectation:
    return model.between(
        column, 0, name=f"{column}_not_negative", reason="A negative count turns sums around.", mend=MODEL_MEND
    )


def _money(column: str) -> tuple[Expectation, Expectation]:
    """The amount exists (its currency has a rate on its day) and is not negative."""
    return (
        model.not_null(
            column, reason="Its currency has no rate on its day, and an amount is never taken at 1.", mend=FX_MEND
        ),
        model.between(
            column, 0, name=f"{column}_not_negative", reason="A negative amount turns sums around.", mend=SOURCE_MEND
        ),
    )


def _order(earlier: str, later: str, severity: Severity = "critical") -> Expectation:
    return model.ordered(
        earlier,
        later,
        name=f"{earlier}_before_{later}",
        reason="Periods of time between them would be negative.",
        mend=SOURCE_MEND,
        severity=severity,
    )


def _stages(earlier: str, later: str) -> Expectation:
    """Lifecycle dates in order, but for what people enter late: merged contacts and skipped stages are no fault."""
    return model.ordered(
        earlier,
        later,
        name=f"{earlier}_before_{later}",
        reason=f"More than {1 - STAGES_IN_ORDER:.0%} of the people passed these stages backwards.",
        mend="Check the CRM's workflows that set the lifecycle stage.",
        severity="warning",
        mostly=STAGES_IN_ORDER,
    )


def _words(column: str, words: frozenset[str] | set[str], severity: Severity = "critical") -> Expectation:
    reason = "KPIs know these words only and leave other rows out of their dimensions."
    return model.one_of(column, words, reason=reason, mend="Teach the new word to staging or seeds.", severity=severity)


def _refers(column: str, table: str, severity: Severity = "critical", also: str = "") -> Expectation:
    """Where it is not null, `column` names a row of `table` (by the column of that name), or of `also`."""
    return model.no_rows(
        f"{column}_exists",
        # Without `is not null` a null would be missing from a table that is empty.
        f"select {column}, count(*) as rows from {{batch}} where {column} is not null and {column} not in"  # noqa: S608
        f" (select {column} from {SCHEMA}.{table} where {column} is not null {also}) group by all",
        column=column,
        reason=f"It names nothing in {table}, so dimensions of the row would be lost.",
        mend=MODEL_MEND,
        severity=severity,
    )


def _one_row() -> Expectation:
    return model.row_count(
        "one_row", 1, 1, reason="Every period of every KPI is cut by the days the lake covers.", mend=MODEL_MEND
    )


def _rates_without_gaps() -> Expectation:
    return model.no_rows(
        "rates_without_gaps",
        f"""
        select currency, day::date as missing from (
            select currency, min(date_day) as first, list(date_day) as days from {{batch}} group by currency
        ) as rates, {SCHEMA}.int_lake__coverage as coverage,
        unnest(
            generate_series(greatest(first, data_from)::timestamp, data_through::timestamp, interval 1 day)
        ) as series (day)
        where not list_contains(days, day::date)
        """,  # noqa: S608
        column="date_day",
        reason="An amount on that day could not be turned into the reporting currency.",
        mend=FX_MEND,
        severity="warning",
    )


def _spend_channels() -> Expectation:
    return model.no_rows(
        "channel_known",
        f"""
        select channel, count(*) as rows from {{batch}}
        where channel not in (
            select channel from {SCHEMA}.int_channels__rules
            union all select channel from {SCHEMA}.int_touchpoints__unified
            union all values ('other'), ('(none)')
        )
        group by all
        """,  # noqa: S608
        column="channel",
        reason="Spend under a channel that no touch has can never meet its leads in CPL and ROMI.",
        mend="Name the channel in the file as touches have it (docs/channels.md, docs/spreadsheets.md).",
        severity="warning",
    )


def _channels_matched() -> Expectation:
    return model.no_rows(
        "channels_matched",
        f"""
        select * from (
            select count(*) filter (where channel_rule = '(none)') as unmatched, count(*) as sessions from {{batch}}
            where session_date > (select max(session_date) from {{batch}}) - {UNMATCHED_DAYS}
        ) where unmatched > {UNMATCHED_SHARE} * sessions
        """,  # noqa: S608
        column="channel_rule",
        reason=f"More than {UNMATCHED_SHARE:.0%} of the newest sessions match no channel rule and count as other.",
        mend="`kpilote channels` names them: add a rule to dbt_project/seeds/channel_rules_own.csv (docs/channels.md).",
        severity="warning",
    )


def _copies_have_a_day() -> Expectation:
    return model.no_rows(
        "copies_have_a_day",
        f"""
        select split_part(deal_id, ':', 1) as crm, count(*) as copied_deals
        from {SCHEMA}.int_deals__merges /* {{batch}} */ where read_until is null group by all
        """,  # noqa: S608
        column="deal_id",
        reason="Deals were copied into another CRM, and nobody says since when the first is history: copies that were"
        " dated back hide what it knew, and its later edits count for nothing.",
        mend="Say the day under crm_until in dbt_project/dbt_project.yml (docs/migrating-crm.md, step 5).",
        severity="warning",
    )


def _balances_roll_forward() -> Expectation:
    return model.no_rows(
        "opening_is_closing_before",
        """
        select company_id, valid_from, opening, closing_before from (
            select *, lag(closing, 1, 0) over (partition by company_id order by valid_from) as closing_before
            from {batch}
        ) where opening <> closing_before
        """,
        column="opening",
        reason="MRR must roll forward: opening + movements = closing.",
        mend=MODEL_MEND,
    )


def _sessions_reconcile(settings: Settings) -> Iterator[Expectation]:
    """Sessions against what the analytics tool itself reports; where two tools are on, none tells them all."""
    on = [name for name in settings.sources if name in REPORTED_SESSIONS]
    if len(on) != 1:
        return
    (source,) = on
    yield model.no_rows(
        f"sessions_as_{source}_reports",
        f"""
        with compared as (
            select days.day, coalesce(ours.sessions, 0) as sessions, coalesce(theirs.sessions, 0) as reported
            from (
                select data_through - {SESSIONS_LATE_DAYS} - number::integer as day
                from {SCHEMA}.int_lake__coverage, range({SESSIONS_DAYS}) as numbers (number)
            ) as days
            left join (select session_date as day, count(*) as sessions from {{batch}} group by all) as ours using (day)
            left join (
                select report_date as day, sum({REPORTED_SESSIONS[source]}) as sessions
                from warehouse.staging.stg_{source}__daily_traffic group by all
            ) as theirs using (day)
        )
        select * from compared where reported > 0
            and abs(sessions - reported) > greatest({SESSIONS_ROWS}, {SESSIONS_SHARE} * reported)
        """,  # noqa: S608
        column="session_date",
        reason=f"Sessions differ from {source}'s own report by more than {SESSIONS_SHARE:.0%}.",
        mend="Pull the days again (`kpilote refresh --cadence daily --from … --to …`); ga4.report_metadata tells of"
        " sampling.",
        severity="warning",
    )
