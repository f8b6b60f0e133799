-- What recipients did with messages that no automation sent, filed under its own UTC day. Incremental like
-- int_ga4__session_parts: a day that was read again is replaced whole. Which campaign a message is of may be known only
-- later, so int_klaviyo__email_activity asks.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    on_schema_change='sync_all_columns',
    meta={'day_owners': 'stg_klaviyo__event_days', 'day_column': 'filed_day'}
) }}

with

new_days as (

    {{ new_day_owners(ref('stg_klaviyo__event_days'), 'filed_day') }}

)

select
    activity.load_id,
    activity.filed_day,
    activity.message_id,
    activity.email_hash,
    activity.action,
    activity.url,
    activity.ordinal,
    activity.is_machine,
    activity.occurred_at,
    cast('{{ made_by() }}' as varchar) as made_by
from {{ ref('stg_klaviyo__email_activity') }} as activity
inner join new_days on activity.filed_day = new_days.day and activity.load_id = new_days.load_id
where activity.message_id is not null and activity.email_hash is not null
