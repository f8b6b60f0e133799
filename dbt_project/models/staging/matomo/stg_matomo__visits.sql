-- Where a visit came from is told in GA4's words: Matomo names a campaign by its tags and anything else by the type and
-- name of what referred the visit.
{{ config(materialized='view') }}

with

days as (

    select
        day,
        load_id
    from {{ ref('stg_matomo__visit_days') }}

),

source as (

    select visits.*
    from {{ source('matomo', 'visits') }} as visits
    inner join days
        on visits.visit_date = days.day and visits._dlt_load_id = days.load_id

),

cleaned as (

    select
        *,
        lower(nullif(trim(referrer_name), '')) as referred_by,
        nullif(trim(source), '') as campaign_source,
        nullif(trim(medium), '') as campaign_medium,
        nullif(trim(campaign), '') as campaign_name
    from source

),

told as (

    select
        *,
        coalesce(campaign_source, campaign_medium, campaign_name) is not null as is_tagged
    from cleaned

)

select
    -- ids
    _dlt_load_id as load_id,
    cast(visit_id as bigint) as visit_id,
    client_id,
    user_id_hash,

    -- strings
    referrer_type,
    case
        -- Without the plugin a campaign has a name and nothing else: it is not direct.
        when is_tagged or referrer_type = 'campaign' then coalesce(campaign_source, '(not set)')
        when referrer_type = 'direct' then '(direct)'
        else referred_by
    end as source,
    case
        when is_tagged or referrer_type = 'campaign' then coalesce(campaign_medium, '(not set)')
        when referrer_type = 'direct' then '(none)'
        when referrer_type = 'search' then 'organic'
        when referrer_type = 'social' then 'social'
        when referred_by is not null then 'referral'
    end as medium,
    case
        when is_tagged then campaign_name
        when referrer_type = 'campaign' then nullif(trim(referrer_name), '')
        when referrer_type = 'direct' then '(direct)'
        when referrer_type = 'search' then '(organic)'
        when referred_by is not null then '(referral)'
    end as campaign,
    nullif(trim(content), '') as content,
    upper(nullif(nullif(trim(country), ''), 'xx')) as country,
    case lower(trim(device))
        when 'smartphone' then 'mobile'
        when 'phablet' then 'mobile'
        when 'feature phone' then 'mobile'
        when 'tv' then 'smart tv'
        when 'unknown' then null
        when '' then null
        else lower(trim(device))
    end as device,
    landing_page,
    case when referrer_type = 'website' then referred_by end as referrer,
    click_id,

    -- numerics
    cast(page_views as bigint) as page_views,
    cast(actions as bigint) as actions,
    cast(duration_seconds as bigint) as duration_seconds,
    cast(conversions as bigint) as conversions,
    cast(key_events as bigint) as key_events,

    -- timestamps
    visit_date,
    {{ utc_timestamp('started_at') }} as started_at,
    {{ utc_timestamp('last_action_at') }} as last_action_at
from told
