-- What recipients did with campaigns, filed under the day the campaign was sent. Incremental like
-- int_ga4__session_parts: a day whose campaigns were read again is replaced whole.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    on_schema_change='sync_all_columns',
    meta={'day_owners': 'stg_brevo__activity_days', 'day_column': 'filed_day'}
) }}

with

new_days as (

    {{ new_day_owners(ref('stg_brevo__activity_days'), 'filed_day') }}

)

select
    activity.load_id,
    activity.filed_day,
    activity.campaign_id,
    activity.email_hash,
    activity.action,
    activity.url,
    activity.ordinal,
    activity.is_machine,
    activity.occurred_at,
    cast('{{ made_by() }}' as varchar) as made_by
from {{ ref('stg_brevo__email_activity') }} as activity
inner join new_days on activity.filed_day = new_days.day and activity.load_id = new_days.load_id
where activity.campaign_id is not null and activity.email_hash is not null
