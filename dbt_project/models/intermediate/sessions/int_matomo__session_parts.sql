-- What each session did on each day of the visits log. Matomo ends a visit at midnight, so a session is one part; where
-- it is told not to, the whole visit is filed under the day of its last action. Incremental as int_ga4__session_parts.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    on_schema_change='sync_all_columns',
    meta={'day_owners': 'stg_matomo__visit_days', 'day_column': 'event_date'}
) }}

with

new_days as (

    {{ new_day_owners(ref('stg_matomo__visit_days'), 'event_date') }}

),

visits as (

    select
        visits.load_id,
        visits.visit_date as event_date,
        visits.client_id,
        visits.visit_id as session_id,
        visits.user_id_hash,
        visits.source,
        visits.medium,
        visits.campaign,
        visits.content,
        visits.country,
        visits.device,
        visits.landing_page,
        visits.referrer,
        visits.click_id,
        visits.page_views,
        visits.duration_seconds,
        visits.key_events,
        visits.started_at
    from {{ ref('stg_matomo__visits') }} as visits
    inner join new_days on visits.visit_date = new_days.day and visits.load_id = new_days.load_id
    where visits.client_id is not null and visits.visit_id is not null

)

select
    load_id,
    event_date,
    client_id,
    session_id,
    user_id_hash,
    source,
    case when source is not null then {{ or_none('medium') }} end as medium,
    case when source is not null then {{ or_none('campaign') }} end as campaign,
    case when source is not null then {{ or_none('content') }} end as content,
    country,
    device,
    case when landing_page is not null then {{ or_none(url_path('landing_page')) }} end as landing_page,
    {{ or_none('referrer') }} as referrer,
    {{ or_none('click_id') }} as click_id,
    coalesce(page_views, 0) as page_views,
    coalesce(duration_seconds, 0) * 1000 as engagement_ms,
    coalesce(key_events, 0) as key_events,
    started_at,
    {{ reporting_date('started_at') }} as session_date,
    cast('{{ made_by() }}' as varchar) as made_by
from visits
