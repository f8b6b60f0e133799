{{ config(materialized='table_by_month', meta={
    'month_of': 'date_day',
    'made_of': {'int_deals__open_months': {}, 'int_fx_rates__daily': {}}
}) }}

with

months as (

    select
        deal_id,
        amount,
        first_day,
        last_day,
        currency,
        channel,
        campaign,
        country,
        segment,
        owner
    from {{ ref('int_deals__open_months') }}
    where {{ in_stale_months('int_deals__open_months') }}

),

rates as (

    select
        currency,
        date_day,
        rate
    from {{ ref('int_fx_rates__daily') }}
    where {{ in_stale_months('int_fx_rates__daily') }}

),

days as (

    {{ span_days(
        'months',
        ['deal_id', 'amount', 'currency', 'channel', 'campaign', 'country', 'segment', 'owner'],
        'first_day',
        'last_day'
    ) }}

),

final as (

    select
        days.date_day,
        days.deal_id,
        {{ to_reporting('days.amount', 'days.currency', 'rates.rate') }} as amount_reporting,
        days.channel,
        days.campaign,
        days.country,
        days.segment,
        days.owner
    from days
    left join rates on days.currency = rates.currency and days.date_day = rates.date_day

)

select * from final
