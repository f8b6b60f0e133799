"""A tiny warehouse for the gates unified and marts: every table they judge, with rows that every expectation accepts.

Only the columns the suites speak of are here; the real models are judged by the end-to-end tests.
"""

from pathlib import Path

import duckdb

from attribution.model import RULES
from ingestion.registry import SOURCES

DAY = "date '2026-01-01' + number::integer"  # a Thursday; the data ends on 2026-03-01, a Sunday
LAST = "date '2026-03-01'"
CHANNELS = "case number % 2 when 0 then 'direct' else 'email' end"
DRIVEN = ("markov", "shapley")

INTERMEDIATE = {
    "int_lake__coverage": f"select date '2026-01-01' as data_from, {LAST} as data_through",
    "int_fx_rates__daily": f"select 'USD' as currency, {DAY} as date_day, 0.9 as rate from range(60) as r (number)",
    "int_owners__unified": "select 'o' || number as owner_id, 'Ann ' || number as owner from range(3) as r (number)",
    "int_companies__unified": "select 'c' || number as company_id, 'Firm' as name from range(20) as r (number)",
    "int_persons__unified": """
        select 'p' || number as person_id, 'c' || number as company_id, 'FR' as country,
            timestamp '2026-01-02' as created_at, timestamp '2026-01-03' as lead_at, timestamp '2026-01-04' as mql_at,
            timestamp '2026-01-05' as sql_at, timestamp '2026-01-06' as opportunity_at,
            timestamp '2026-01-07' as customer_at
        from range(20) as r (number)
    """,
    "int_persons__acquisition": "select 'p' || number as person_id, 'direct' as channel from range(20) as r (number)",
    "int_deals__unified": """
        select 'd' || number as deal_id, 'c' || number as company_id, 'p' || number as person_id,
            100.00::decimal(18, 2) as created_amount_reporting, 120.00::decimal(18, 2) as amount_reporting,
            timestamp '2026-01-05' as created_at, timestamp '2026-02-05' as closed_at
        from range(10) as r (number)
    """,
    "int_deals__merges": """
        select 'hubspot:1' as deal_id, 'd1' as survivor_id, timestamp '2026-02-01' as read_until
    """,
    "int_activities__unified": """
        select 'meeting:' || number as activity_id, 'meeting' as kind, 'p' || number as person_id,
            'c' || number as company_id, timestamp '2026-01-05' as booked_at
        from range(10) as r (number)
    """,
    "int_spend__unified": f"""
        select 'media:' || number as spend_id, {DAY} as date_day, 'paid_search' as channel,
            10.00::decimal(18, 2) as amount_reporting
        from range(60) as r (number)
    """,
    "int_channels__rules": "select unnest(['direct', 'email', 'paid_search']) as channel",
    "int_mrr__balances": """
        select 'c' || (number // 2) as company_id, date '2026-01-01' + (number % 2)::integer * 31 as valid_from,
            (number % 2) * 50.00::decimal(18, 2) as opening, 50.00::decimal(18, 2) as closing
        from range(10) as r (number)
    """,
    "int_sessions__unified": f"""
        select 'g' || number || '.' || each as session_key, 'g' || number as client_id, 'p' || (each % 20) as person_id,
            {DAY} as session_date, ({DAY})::timestamp as started_at, {CHANNELS} as channel, 2 as page_views,
            case when each = 0 then '(none)' else 'default:20' end as channel_rule, 12.5 as engagement_seconds,
            0 as key_events
        from range(60) as r (number), range(30) as e (each)
    """,
    "int_email_sends__unified": """
        select 'k:' || number as send_id, 'p' || number as person_id, 'news' as campaign,
            timestamp '2026-02-01' as sent_at
        from range(20) as r (number)
    """,
    "int_email_events__unified": """
        select 'e' || number as event_id, 'k:' || number as send_id, 'open' as action,
            timestamp '2026-02-02' as occurred_at
        from range(20) as r (number)
    """,
    "int_orders__unified": """
        select 'ga4:' || number as order_id, 'g' || number as client_id, 'p' || number as person_id, 'c1' as company_id,
            timestamp '2026-01-03' as ordered_at, 20.00::decimal(18, 2) as value_reporting,
            5.00::decimal(18, 2) as refunded_reporting
        from range(20) as r (number)
        union all select 'ga4:20', 'stranger', null, null, timestamp '2026-01-03', 20.00, 0.00
    """,
    "int_touchpoints__unified": """
        select 't' || number as touch_id, 'p' || number as person_id, timestamp '2026-01-03' as touched_at,
            'events' as channel
        from range(20) as r (number)
        union all select 't20', 'browser:stranger', timestamp '2026-01-03', 'direct'
    """,
}

MARTS = {
    "dim_dates": f"select {DAY} as date_day from range(60) as r (number)",
    "dim_owners": "select 'o' || number as owner_id, 'Ann' as owner from range(3) as r (number)",
    "dim_companies": "select 'c' || number as company_id from range(20) as r (number)",
    "dim_persons": "select 'p' || number as person_id from range(20) as r (number)",
    "identity_edges": """
        select 'contact' as identifier_type, 'record' as evidence, 'p' || number as told_by, 'p' || number as identifier
        from range(20) as r (number)
    """,
    "dim_campaigns": "select 'news ' || number as campaign, 'email' as channel from range(3) as r (number)",
    "fct_sessions": """
        select 'g' || number as session_key, 2 as page_views, 12.5 as engagement_seconds, 1 as key_events,
            true as is_engaged, true as is_converted
        from range(60) as r (number)
    """,
    "dim_channel_rules": """
        select 'default:' || number as channel_rule, 25 as sessions, 2 as converted_sessions from range(2) as r (number)
    """,
    "channel_unmatched": """
        select 'fax ' || number as source, 'paper' as medium, '(none)' as campaign, '(none)' as referrer,
            '(none)' as click_id, 2 as sessions, 1 as converted_sessions
        from range(5) as r (number)
    """,
    "utm_hygiene": """
        select 'source' as parameter, 'Fax ' || number as value, '(none)' as seen_with, 2 as sessions,
            1 as converted_sessions
        from range(5) as r (number)
    """,
    "fct_email_sends": """
        select 'k:' || number as send_id, true as is_opened, true as is_opened_human from range(20) as r (number)
    """,
    "fct_email_events": "select 'e' || number as event_id from range(20) as r (number)",
    "fct_leads": """
        select 'p' || number as person_id, date '2026-01-03' as lead_date, date '2026-01-04' as mql_date
        from range(20) as r (number)
    """,
    "fct_deals": """
        select 'd' || number as deal_id, true as is_won, false as is_lost, false as is_open,
            date '2026-01-05' as created_date, date '2026-02-05' as closed_date,
            100.00::decimal(18, 2) as created_amount_reporting, 120.00::decimal(18, 2) as amount_reporting
        from range(10) as r (number)
    """,
    "fct_deal_stages": "select 's' || number as deal_stage_id, 2.5 as duration_days from range(10) as r (number)",
    "fct_pipeline_daily": f"""
        select {DAY} as date_day, 'd1' as deal_id, 100.00::decimal(18, 2) as amount_reporting
        from range(60) as r (number)
    """,
    "fct_activities": "select 'meeting:' || number as activity_id from range(10) as r (number)",
    "fct_demo_outlook": f"""
        select {DAY} as as_of_week_start, 'm' || number as meeting_id from range(10) as r (number)
    """,
    "fct_spend": f"""
        select 'media:' || number as spend_id, {DAY} as date_day, true as is_marketing, 10.00::decimal(18, 2) as amount,
            9.00::decimal(18, 2) as amount_reporting, 100 as impressions, 7 as clicks
        from range(60) as r (number)
    """,
    "fct_orders": """
        select 'ga4:' || number as order_id, 20.00::decimal(18, 2) as value, 20.00::decimal(18, 2) as value_reporting,
            5.00::decimal(18, 2) as refunded_reporting, 15.00::decimal(18, 2) as net_value_reporting
        from range(10) as r (number)
    """,
    "fct_mrr_movements": """
        select 'c' || number as movement_id, 'c' || number as company_id, date '2026-01-01' as date_day,
            50.00::decimal(18, 2) as amount_reporting
        from range(5) as r (number)
    """,
    "fct_mrr_daily": f"""
        select {DAY} as date_day, 'c' || each as company_id, 50.00::decimal(18, 2) as mrr_reporting
        from range(60) as r (number), range(5) as e (each)
    """,
    "fct_customer_periods": """
        select 'month' as cadence, date '2026-02-01' as period_start, 'c' || number as company_id
        from range(5) as r (number)
    """,
    "fct_touchpoints": "select 't' || number as touch_id, 1 as touch_number from range(20) as r (number)",
    "fct_conversions": """
        select 'customer:d' || number as conversion_id, 'customer' as conversion_type,
            date '2026-02-05' as converted_date, 120.01::decimal(18, 2) as value_reporting
        from range(10) as r (number)
    """,
    "pipeline_sourcing": """
        select 'd' || number as deal_id, date '2026-01-05' as created_date, 'email' as first_touch_channel,
            0.00::decimal(18, 2) as created_amount_reporting
        from range(10) as r (number)
    """,
    "sourcing_gap": """
        select 'month' as cadence, date '2026-01-01' as period_start, 'rule ' || number as rule,
            50.00::decimal(18, 2) as amount_reporting, 100.00::decimal(18, 2) as pipeline_generated
        from range(10) as r (number)
    """,
    "journeys": """
        select conversion_id, 2 as touches, value_reporting, 3.5 as days_to_conversion from marts.fct_conversions
    """,
    "attribution_paths": """
        select 'customer' as conversion_type, 'year' as cadence, date '2026-01-01' as period_start,
            'path ' || number as channel_path, 5 as conversions, 600.05::decimal(18, 2) as value,
            2.0 as touches_per_conversion, 3.5 as median_days
        from range(2) as r (number)
    """,
    "attribution_credits": f"""
        select conversion_id, 't' || position as touch_id, position,
            {", ".join(f"0.5::double as {name}_credit" for name in RULES)},
            {", ".join(f"(60.00 + position * 0.01)::decimal(18, 2) as {name}_value" for name in RULES)},
            null::double as custom_credit, null::decimal(18, 2) as custom_value
        from marts.fct_conversions, range(2) as r (position)
    """,
    "attribution_channels": f"""
        with months as (
            select date '2026-01-01' as period_start, 0.0 as conversions, 0 as value, 279 as spend
            union all select date '2026-02-01', 10.0, 1200.10, 252
            union all select date '2026-03-01', 0.0, 0, 9
        )
        select model, 'customer' as conversion_type, 'month' as cadence, period_start, 'email' as channel,
            'news' as campaign, conversions::double as conversions, value::decimal(18, 2) as value,
            spend::decimal(18, 2) as spend
        from months, (select unnest({[*RULES, *DRIVEN]!r}) as model)
        where period_start <> date '2026-01-01' or model in {RULES!r}
    """,
    "attribution_data_driven": f"""
        select model, 'customer' as conversion_type, month, channel, conversions::decimal(18, 9) as conversions,
            value::decimal(18, 2) as value, reason as withheld_reason
        from (values
            (date '2026-01-01', '(none)', null, null, 'too few'),
            (date '2026-02-01', 'email', 9.999999999, 1200.09, null),
            (date '2026-02-01', 'unattributed', 0.000000001, 0.01, null)
        ) as said (month, channel, conversions, value, reason), (select unnest({list(DRIVEN)!r}) as model)
    """,
    "attribution_dimensions": f"""
        select model, 'customer' as conversion_type, cadence, case cadence when 'month' then date '2026-02-01'
                else date '2026-01-01' end as period_start, 'country' as dimension, country as dimension_value,
            5.0::double as conversions, 600.05::decimal(18, 2) as value
        from (select unnest({list(RULES)!r}) as model), (values ('month'), ('year')) as c (cadence),
            (values ('FR'), ('(none)')) as v (country)
    """,
    "kpi_catalogue": """
        select kpi, additivity, 'day, week, month' as cadences, 'Label' as label_en, 'Libellé' as label_fr,
            'a / b' as formula, 'Do something' as decision
        from (values
            ('web_sessions', 'additive'), ('bounce_rate', 'ratio_of_sums'), ('customer_churn_rate', 'ratio_of_sums'),
            ('retention_rate', 'ratio_of_sums'), ('email_open_rate', 'ratio_of_sums'),
            ('email_open_rate_human', 'ratio_of_sums'), ('revenue', 'additive')
        ) as kpis (kpi, additivity)
    """,
    "kpi_values": f"""
        with periods as (
            select 'day' as cadence, {DAY} as period_start, {DAY} as period_end from range(60) as r (number)
            union all
            select 'week', date '2026-01-05' + 7 * number::integer, date '2026-01-11' + 7 * number::integer
            from range(8) as r (number)
            union all
            select 'month', date_trunc('month', {DAY})::date, last_day({DAY}) from range(0, 59, 31) as r (number)
        ),
        kpis as (
            select * from (values
                ('web_sessions', 'count', 30.0, null, null), ('bounce_rate', 'ratio', 0.4, 12.0, 30.0),
                ('customer_churn_rate', 'ratio', 0.25, 1.0, 4.0), ('retention_rate', 'ratio', 0.75, 3.0, 4.0),
                ('email_open_rate', 'ratio', 0.5, 10.0, 20.0), ('email_open_rate_human', 'ratio', 0.25, 5.0, 20.0),
                ('revenue', 'currency', 120.25, null, null)
            ) as kpis (kpi, unit, value, numerator, denominator)
        ),
        parts as (
            select 'total' as dimension, 'total' as dimension_value, 1.0 as share
            union all select 'channel', 'direct', 0.5 union all select 'channel', 'email', 0.5
        )
        select kpi, cadence, period_start, period_end, dimension, dimension_value,
            case when unit = 'count' then value * share when unit = 'currency' then value end::double as value,
            numerator::double as numerator, denominator::double as denominator, unit, null::varchar as null_reason,
            'on_track' as status, case when period_end > {LAST} then 'open' else 'final' end as period_status,
            {LAST} as data_through
        from periods, kpis, parts
        where dimension = 'total' or kpi = 'web_sessions'
    """,
    "kpi_scorecard": """
        select kpi, cadence, 'Label' as label_en, 'Do something' as decision
        from marts.kpi_values where dimension = 'total' and period_status <> 'open'
        group by kpi, cadence
    """,
}


def build(path: Path) -> None:
    """Write the warehouse file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        for schema in ("staging", "intermediate", "marts"):
            connection.execute(f"create schema {schema}")
        for name, query in INTERMEDIATE.items():
            connection.execute(f"create table intermediate.{name} as {query}")
        for name, query in MARTS.items():
            connection.execute(f"create table marts.{name} as {query}")
        connection.execute("update marts.kpi_values set value = numerator / denominator where unit = 'ratio'")
        connection.execute("""
            create table staging.stg_ga4__daily_traffic as
            select session_date as report_date, count(*) as sessions
            from intermediate.int_sessions__unified group by all
        """)
        for name in (each.name for each in SOURCES.values() if each.is_api):
            connection.execute(
                f"create table staging.stg_{name}__windows as"
                f" select date '2026-01-01' as window_start, {LAST} + 1 as window_end"
            )
        for file_type in ("targets", "benchmarks"):
            connection.execute(
                f"create table staging.stg_spreadsheets__{file_type} as"
                f" select kpi, '{file_type}.csv' as file_name, 2 as row_number from marts.kpi_catalogue"
            )


def publish(home: Path) -> None:
    """Leave what a release of that warehouse says of how far it reaches."""
    release = home / "releases" / "current"
    release.mkdir(parents=True)
    (release / "manifest.json").write_text('{"data_through": "2026-03-01"}')


def spoil(path: Path, *statements: str) -> None:
    """Run statements that make rows wrong."""
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
