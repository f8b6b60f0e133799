"""Gate marts: what must be true of the marts before a release may show them.

Rows are whole (keys, no address) and numbers agree with each other: credits with conversions, channels with spend,
movements with balances. The KPI tables' own promises stand in `kpi_marts.py`.
"""

from expectations import kpi_marts, model
from expectations.kpi_marts import EPSILON, MEND, SCHEMA, mart, rule
from expectations.model import Expectation, Suite
from ingestion.settings import Settings

MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "position_based",
    "w_shaped",
    "full_path",
    "time_decay",
)
CUSTOM = "custom"  # null in every row where no weights are set

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
        mart(table, key, *(_not_negative(column) for column in positive), *own.get(table, ()))
        for table, (key, positive) in _CORE.items()
    ]
    return (
        *core,
        mart(
            "attribution_credits",
            (),
            *(_not_negative(f"{name}_credit") for name in (*MODELS, CUSTOM)),
            _credits_sum_to_one(),
            _values_sum_to_conversion(),
            _every_conversion_credited(),
        ),
        mart(
            "attribution_channels",
            ("model", "conversion_type", "cadence", "period_start", "channel", "campaign"),
            _not_negative("conversions"),
            _not_negative("value"),
            _channels_conserve_conversions(),
            _channels_conserve_spend(),
        ),
        mart(
            "attribution_data_driven",
            ("model", "conversion_type", "month", "channel"),
            _not_negative("conversions"),
            _not_negative("value"),
            _months_are_shared_or_withheld(),
        ),
        mart(
            "attribution_dimensions",
            ("model", "conversion_type", "cadence", "period_start", "dimension", "dimension_value"),
            _not_negative("conversions"),
            _not_negative("value"),
            _dimensions_conserve_conversions(),
        ),
        *kpi_marts.suites(),
    )


def _not_negative(column: str) -> Expectation:
    reason = "A negative amount or count turns sums around."
    return model.between(column, 0, name=f"{column}_not_negative", reason=reason, mend=MEND)


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


def _per_model(suffix: str) -> str:
    names = ", ".join(f"'{name}'" for name in (*MODELS, CUSTOM))
    sums = ", ".join(f"sum({name}_{suffix})" for name in (*MODELS, CUSTOM))
    return f"conversion_id, unnest([{names}]) as model, unnest([{sums}]) as total"


def _credits_sum_to_one() -> Expectation:
    return rule(
        "credits_sum_to_one",
        f"""
        select * from (select {_per_model("credit")} from {{batch}} group by conversion_id)
        where not abs(total - 1) <= {EPSILON}
        """,  # noqa: S608
        "Every model hands out each conversion once: credits add up to one.",
        column="*_credit",
    )


def _values_sum_to_conversion() -> Expectation:
    return rule(
        "values_sum_to_conversion",
        f"""
        select credited.*, conversions.value_reporting
        from (select {_per_model("value")} from {{batch}} group by conversion_id) as credited
        left join {SCHEMA}.fct_conversions as conversions using (conversion_id)
        where total is distinct from conversions.value_reporting and not (model = '{CUSTOM}' and total is null)
        """,  # noqa: S608
        "Attributed value is the value of the conversion, to the cent, under every model.",
        column="*_value",
    )


def _every_conversion_credited() -> Expectation:
    return rule(
        "every_conversion_credited",
        f"""
        select conversion_id, conversion_type from {SCHEMA}.fct_conversions
        where conversion_id not in (select conversion_id from {{batch}} where conversion_id is not null)
        """,  # noqa: S608
        "A conversion without a touch is credited to `unattributed`, never dropped.",
        column="conversion_id",
    )


def _channels_conserve_conversions() -> Expectation:
    return rule(
        "channels_conserve_conversions",
        f"""
        with shown as (
            select model, conversion_type, period_start, sum(conversions) as conversions, sum(value) as value
            from {{batch}} where cadence = 'month' group by all
        ),
        had as (
            select conversion_type, date_trunc('month', converted_date)::date as period_start, count(*) as conversions,
                sum(value_reporting) as value
            from {SCHEMA}.fct_conversions group by all
        ),
        withheld as (
            select model, conversion_type, month as period_start
            from {SCHEMA}.attribution_data_driven where withheld_reason is not null
        ),
        wanted as (
            select models.model, had.* from had cross join (select distinct model from shown) as models
            anti join withheld using (model, conversion_type, period_start)
        )
        select * from wanted full join shown using (model, conversion_type, period_start)
        where not abs(coalesce(wanted.conversions, 0) - coalesce(shown.conversions, 0)) <= 1e-6
            or coalesce(wanted.value, 0) <> coalesce(shown.value, 0)
        """,  # noqa: S608
        "Channels together show every conversion of the month and its value to the cent, unless a model is withheld.",
        column="conversions, value",
    )


def _months_are_shared_or_withheld() -> Expectation:
    return rule(
        "months_are_shared_or_withheld",
        f"""
        with said as (
            select model, conversion_type, month, sum(conversions) as conversions, sum(value) as value,
                count(withheld_reason) as withheld
            from {{batch}} group by all
        ),
        had as (
            select conversion_type, date_trunc('month', converted_date)::date as month, count(*) as conversions,
                sum(value_reporting) as value
            from {SCHEMA}.fct_conversions group by all
        ),
        wanted as (select model, had.* from had, (select distinct model from said))
        select * from wanted left join said using (model, conversion_type, month)
        where (coalesce(said.conversions, 0) <> wanted.conversions or coalesce(said.value, 0) <> wanted.value)
            and coalesce(withheld, 0) = 0
        """,  # noqa: S608
        "Of each month a data-driven model hands out every conversion and its value, to the cent, or says why not.",
        column="conversions, value, withheld_reason",
    )


def _dimensions_conserve_conversions() -> Expectation:
    return rule(
        "dimensions_conserve_conversions",
        f"""
        with shown as (
            select model, dimension, conversion_type, period_start, sum(conversions) as conversions, sum(value) as value
            from {{batch}} where cadence = 'month' group by all
        ),
        had as (
            select conversion_type, date_trunc('month', converted_date)::date as period_start, count(*) as conversions,
                sum(value_reporting) as value
            from {SCHEMA}.fct_conversions group by all
        ),
        wanted as (select model, dimension, had.* from had, (select distinct model, dimension from shown))
        select * from wanted full join shown using (model, dimension, conversion_type, period_start)
        where not abs(coalesce(wanted.conversions, 0) - coalesce(shown.conversions, 0)) <= 1e-6
            or coalesce(wanted.value, 0) <> coalesce(shown.value, 0)
        """,  # noqa: S608
        "Each dimension shows every conversion of the month and its value, to the cent.",
        column="conversions, value",
    )


def _channels_conserve_spend() -> Expectation:
    return rule(
        "channels_conserve_spend",
        f"""
        with shown as (
            select model, conversion_type, period_start, sum(spend) as spend
            from {{batch}} where cadence = 'month' group by all
        ),
        had as (
            select date_trunc('month', date_day)::date as period_start, sum(amount_reporting) as spend
            from {SCHEMA}.fct_spend where is_marketing group by all
        )
        select shown.*, had.spend as spent from shown left join had using (period_start)
        where shown.spend <> coalesce(had.spend, 0)
        """,  # noqa: S608
        "Channels together cost what marketing cost that month, under every model.",
        column="spend",
    )
