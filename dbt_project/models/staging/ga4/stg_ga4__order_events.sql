-- Purchases, and refunds under the transaction id of their purchase. A purchase without an id is told from others by
-- its instant, one without a currency is in the property's. What a refund does not say, its order does.
{{ config(materialized='view') }}

with

events as (

    select
        client_id,
        event_name,
        event_ordinal,
        nullif(nullif(trim(transaction_id), ''), '(not set)') as transaction_id,
        upper(nullif(trim(currency), '')) as currency,
        value,
        event_date,
        occurred_at
    from {{ ref('stg_ga4__events') }}
    where event_name in ('purchase', 'refund')

),

property as (

    select max_by(upper(currency), report_date) as currency
    from {{ ref('stg_ga4__report_metadata') }}
    where currency is not null

)

select
    -- ids
    {{ record_id(
        'ga4', "coalesce(events.transaction_id, '@' || cast(" ~ epoch_microseconds('events.occurred_at') ~ " as varchar))"
    ) }} as order_id,
    events.client_id,

    -- strings
    events.event_name as action,
    case
        when events.event_name = 'purchase' then coalesce(events.currency, property.currency) else events.currency
    end as currency,

    -- numerics
    events.value,
    events.event_ordinal as ordinal,

    -- timestamps
    events.event_date,
    events.occurred_at
from events
cross join property
