-- What each session did on each day of the export: the finest grain that a re-pulled day replaces whole. A session that
-- spans midnight has a part on both days. Incremental: takes in the days whose owning load it does not hold yet, and
-- all of them when SQL or vars became others (macros/engine/replace_days.sql); what depends on seeds or the CRM is left
-- to the models after it.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    on_schema_change='sync_all_columns',
    meta={'day_owners': 'stg_ga4__event_days', 'day_column': 'event_date', 'vars': ['key_events']}
) }}

with

new_days as (

    {{ new_day_owners(ref('stg_ga4__event_days'), 'event_date') }}

),

events as (

    select
        events.load_id,
        events.event_date,
        events.client_id,
        events.session_id,
        events.user_id_hash,
        events.event_name,
        events.page_location,
        events.referrer,
        events.click_id,
        events.source,
        events.medium,
        events.campaign,
        events.content,
        events.country,
        events.device,
        events.engagement_ms,
        events.occurred_at,
        -- Ordinals count the events of one microsecond and one name, so a name breaks what they leave tied.
        row_number() over (
            partition by events.event_date, events.client_id, events.session_id
            order by events.occurred_at, events.event_ordinal, events.event_name
        ) as event_order
    from {{ ref('stg_ga4__events') }} as events
    inner join new_days on events.event_date = new_days.day and events.load_id = new_days.load_id
    where events.client_id is not null and events.session_id is not null

),

parts as (

    select
        load_id,
        event_date,
        client_id,
        session_id,
        min_by(user_id_hash, event_order) filter (where user_id_hash is not null) as user_id_hash,
        min_by(source, event_order) filter (where source is not null) as source,
        min_by(coalesce(medium, '(none)'), event_order) filter (where source is not null) as medium,
        min_by(coalesce(campaign, '(none)'), event_order) filter (where source is not null) as campaign,
        min_by(coalesce(content, '(none)'), event_order) filter (where source is not null) as content,
        min_by(country, event_order) filter (where country is not null) as country,
        min_by(device, event_order) filter (where device is not null) as device,
        min_by(page_location, event_order) filter (where page_location is not null) as landing_page,
        -- Of the landing page, as far as it tells: what led to later pages is the site itself.
        min_by({{ or_none('referrer') }}, event_order) filter (where page_location is not null) as referrer,
        min_by({{ or_none('click_id') }}, event_order) filter (where page_location is not null) as click_id,
        count(*) filter (where event_name in ('page_view', 'screen_view')) as page_views,
        coalesce(sum(engagement_ms), 0) as engagement_ms,
        count(*) filter (where event_name in {{ in_list(var('key_events')) }}) as key_events,
        min(occurred_at) as started_at
    from events
    group by load_id, event_date, client_id, session_id

)

select
    load_id,
    event_date,
    client_id,
    session_id,
    user_id_hash,
    source,
    medium,
    campaign,
    content,
    country,
    device,
    case when landing_page is not null then {{ or_none(url_path('landing_page')) }} end as landing_page,
    {{ or_none('referrer') }} as referrer,
    {{ or_none('click_id') }} as click_id,
    page_views,
    engagement_ms,
    key_events,
    started_at,
    {{ reporting_date('started_at') }} as session_date,
    cast('{{ made_by() }}' as varchar) as made_by
from parts
