"""Gate marts: what must be true of the marts before a release may show them.

Rows are whole (keys, no address) and numbers agree with each other: movements with balances, journeys with
conversions. What credits promise stands in `attribution_marts.py`, what the KPI tables do in `kpi_marts.py`.
"""

from expectations import attribution_marts, kpi_marts
from expectations.kpi_marts import SCHEMA, mart, not_negative, rule
from expectations.model import Expectation, Suite
from ingestion.settings import Settings

# Core marts with their key, their columns that are never negative and what else is their own.
_CORE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dim_dates": (("date_day",), ()),
    "dim_owners": (("owner_id",), ()),
    "dim_companies": (("company_id",), ()),
    "dim_persons": (("person_id",), ()),
    "identity_edges": (("identifier_type", "evidence", "told_by", "identifier"), ()),
    "dim_campaigns": (("campaign", "channel"), ()),
    "fct_sessions": (("session_key",), ("page_views", "engagement_seconds", "key_events")),
    "fct_email_sends": (("send_id",), ()),
    "fct_email_events": (("event_id",), ()),
    "fct_leads": (("person_id",), ()),
    "fct_deals": (("deal_id",), ("created_amount_reporting", "amount_reporting")),
    "fct_deal_stages": (("deal_stage_id",), ("duration_days",)),
    "fct_pipeline_daily": (("date_day", "deal_id"), ("amount_reporting",)),
    "fct_activities": (("activity_id",), ()),
    "fct_demo_outlook": (("as_of_week_start", "meeting_id"), ()),
    "fct_spend": (("spend_id",), ("amount", "amount_reporting", "impressions", "clicks")),
    "fct_orders": (("order_id",), ("value", "value_reporting", "refunded_reporting", "net_value_reporting")),
    "fct_mrr_movements": (("movement_id",), ()),
    "fct_mrr_daily": (("date_day", "company_id"), ("mrr_reporting",)),
    "fct_customer_periods": (("cadence", "period_start", "company_id"), ()),
    "dim_channel_rules": (("channel_rule",), ("sessions", "converted_sessions")),
    "channel_unmatched": (("source", "medium", "campaign", "referrer", "click_id"), ("sessions", "converted_sessions")),
    "utm_hygiene": (("parameter", "value", "seen_with"), ("sessions", "converted_sessions")),
    "fct_touchpoints": (("touch_id",), ("touch_number",)),
    "fct_conversions": (("conversion_id",), ("value_reporting",)),
    "pipeline_sourcing": (("deal_id",), ("created_amount_reporting",)),
    "sourcing_gap": (("cadence", "period_start", "rule"), ("amount_reporting", "pipeline_generated")),
    "journeys": (("conversion_id",), ("touches", "value_reporting", "days_to_conversion")),
    "attribution_paths": (
        ("conversion_type", "cadence", "period_start", "channel_path"),
        ("value", "touches_per_conversion", "median_days"),
    ),
}


def suites(settings: Settings) -> tuple[Suite, ...]:
    """The suites of the marts, the same for every set of sources."""
    own = {
        "fct_sessions": (_bounces_have_no_key_event(),),
        "dim_channel_rules": (_every_session_by_a_rule(),),
        "fct_email_sends": (_human_opens_are_opens(),),
        "fct_deals": (_one_deal_state(),),
        "fct_mrr_movements": (_movements_reach_balance(),),
        "pipeline_sourcing": (_first_touch_as_credited(),),
        "journeys": (_journeys_complete(),),
        "attribution_paths": (_paths_conserve_conversions(),),
    }
    core = [
        mart(table, key, *(not_negative(column) for column in positive), *own.get(table, ()))
        for table, (key, positive) in _CORE.items()
    ]
    return (
        *core,
        *attribution_marts.suites(),
        *kpi_marts.suites(),
    )


def _bounces_have_no_key_event() -> Expectation:
    return rule(
        "converted_sessions_are_engaged",
        "select session_key, key_events from {batch} where (key_events > 0) and (not is_engaged or not is_converted)",
        "A session with a key event is engaged and converted, or bounce and conversion rates contradict each other.",
        column="is_engaged",
    )


def _every_session_by_a_rule() -> Expectation:
    return rule(
        "every_session_by_a_rule",
        f"""
        select * from (
            select (select sum(sessions) from {{batch}}) as matched,
                (select coalesce(sum(sessions), 0) from {SCHEMA}.channel_unmatched) as unmatched,
                (select count(*) from {SCHEMA}.fct_sessions) as sessions
        ) where matched + unmatched <> sessions
        """,  # noqa: S608
        "Each session has its channel from one rule, or is told as unmatched.",
        column="sessions",
    )


def _human_opens_are_opens() -> Expectation:
    return rule(
        "human_opens_are_opens",
        "select send_id, is_opened, is_opened_human from {batch} where is_opened_human and not is_opened",
        "Opens by people are part of all opens.",
        column="is_opened_human",
    )


def _one_deal_state() -> Expectation:
    return rule(
        "one_state",
        """
        select deal_id, is_won, is_lost, is_open, closed_date from {batch}
        where is_won::int + is_lost::int + is_open::int <> 1 or is_open = (closed_date is not null)
        """,
        "A deal is won, lost or open, and closed on a day unless it is open.",
        column="is_won, is_lost, is_open, closed_date",
    )


def _movements_reach_balance() -> Expectation:
    return rule(
        "movements_reach_balance",
        f"""
        with ends as (select max(date_day) as last_day from {SCHEMA}.fct_mrr_daily)
        select moved.company_id, moved.mrr as movements, coalesce(held.mrr_reporting, 0) as balance
        from (
            select company_id, sum(amount_reporting) as mrr from {{batch}}
            where date_day <= (select last_day from ends) group by company_id
        ) as moved left join {SCHEMA}.fct_mrr_daily as held
            on held.company_id = moved.company_id and held.date_day = (select last_day from ends)
        where moved.mrr <> coalesce(held.mrr_reporting, 0)
        """,  # noqa: S608
        "All movements of a company add up to its MRR, to the cent.",
        column="amount_reporting",
    )


def _journeys_complete() -> Expectation:
    return rule(
        "every_conversion_has_a_journey",
        f"""
        select conversion_id from {SCHEMA}.fct_conversions
        where conversion_id not in (select conversion_id from {{batch}} where conversion_id is not null)
        """,  # noqa: S608
        "Every conversion has a journey, if only an unattributed one.",
    )


def _paths_conserve_conversions() -> Expectation:
    return rule(
        "paths_conserve_conversions",
        f"""
        with shown as (
            select conversion_type, cadence, period_start, sum(conversions) as conversions, sum(value) as value
            from {{batch}} group by all
        ),
        had as (
            select conversion_type, cadence, date_trunc(cadence, converted_date)::date as period_start,
                count(*) as conversions, sum(value_reporting) as value
            from {SCHEMA}.fct_conversions, (select distinct cadence from {{batch}}) group by all
        )
        select * from had full join shown using (conversion_type, cadence, period_start)
        where had.conversions is distinct from shown.conversions or had.value is distinct from shown.value
        """,  # noqa: S608
        "Paths together show every conversion of the period and its value.",
        column="conversions, value",
    )


def _first_touch_as_credited() -> Expectation:
    return rule(
        "first_touch_as_credited",
        f"""
        with said as (
            select date_trunc('month', created_date)::date as period_start, first_touch_channel as channel,
                sum(created_amount_reporting) as amount
            from {{batch}} group by all
        ),
        credited as (
            select period_start, channel, sum(value) as amount from {SCHEMA}.attribution_channels
            where model = 'first_touch' and conversion_type = 'opportunity' and cadence = 'month' group by all
        )
        select * from said full join credited using (period_start, channel)
        where coalesce(said.amount, 0) <> coalesce(credited.amount, 0)
        """,  # noqa: S608
        "Pipeline by the channel of its first touch is what the model first_touch credits, to the cent.",
        column="first_touch_channel",
    )
