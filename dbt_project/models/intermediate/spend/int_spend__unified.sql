-- Media spend per day as the platforms say it, and the other marketing and sales costs, filed on the first day of their
-- month.
with

media as (

    select
        concat('media:', file_name, ':', cast(row_number as varchar)) as spend_id,
        'media' as kind,
        'media' as category,
        platform,
        channel,
        campaign,
        spend as amount,
        currency,
        impressions,
        clicks,
        date_day
    from {{ ref('stg_spreadsheets__ad_spend') }}

),

costs as (

    select
        concat('cost:', file_name, ':', cast(row_number as varchar)) as spend_id,
        'cost' as kind,
        category,
        '(none)' as platform,
        channel,
        '(none)' as campaign,
        amount,
        currency,
        cast(null as bigint) as impressions,
        cast(null as bigint) as clicks,
        month_start as date_day
    from {{ ref('stg_spreadsheets__marketing_costs') }}

),

-- An ad platform's own API is one more branch.
unioned as (

    select
        spend_id,
        kind,
        category,
        platform,
        channel,
        campaign,
        amount,
        currency,
        impressions,
        clicks,
        date_day
    from media
    union all
    select
        spend_id,
        kind,
        category,
        platform,
        channel,
        campaign,
        amount,
        currency,
        impressions,
        clicks,
        date_day
    from costs

),

rates as (

    select
        currency,
        date_day,
        rate
    from {{ ref('int_fx_rates__daily') }}

)

select
    unioned.spend_id,
    unioned.date_day,
    unioned.kind,
    unioned.category,
    unioned.platform,
    unioned.channel,
    unioned.campaign,
    unioned.amount,
    unioned.currency,
    {{ to_reporting('unioned.amount', 'unioned.currency', 'rates.rate') }} as amount_reporting,
    unioned.category not in {{ in_list(var('sales_cost_categories')) }} as is_marketing,
    unioned.impressions,
    unioned.clicks
from unioned
left join rates on unioned.currency = rates.currency and unioned.date_day = rates.date_day
