{{ config(materialized='view') }}

with

days as (

    select
        day,
        load_id
    from {{ ref('stg_brevo__activity_days') }}

),

source as (

    select activity.*
    from {{ source('brevo', 'email_activity') }} as activity
    inner join days
        on activity.send_day = days.day and activity._dlt_load_id = days.load_id

)

-- One row per instant Brevo tells: of an open or a click that happened often it is the first.
select
    -- ids
    _dlt_load_id as load_id,
    {{ record_id('brevo', 'campaign_id') }} as campaign_id,
    email_hash,
    cast(ordinal as bigint) as ordinal,

    -- strings
    lower(action) as action,
    url,

    -- booleans
    coalesce(is_machine, false) as is_machine,

    -- timestamps
    send_day as filed_day,
    {{ utc_timestamp('occurred_at') }} as occurred_at
from source
where lower(action) in ('open', 'click')
