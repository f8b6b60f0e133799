{{ config(materialized='table_by_month', meta={'month_of': 'date_day'}) }}

with

open_stays as (

    select
        deal_id,
        {{ reporting_date('entered_at') }} as entered_date,
        {{ reporting_date('left_at') }} as left_date
    from {{ ref('int_deals__stages') }}
    where stage_status = 'open'

),

amounts as (

    select
        deal_id,
        coalesce(amount, 0) as amount,
        {{ reporting_date('valid_from') }} as valid_from,
        {{ reporting_date('valid_to') }} as valid_to,
        amount_number
    from {{ ref('int_deals__amounts') }}

),

deals as (

    select
        deal_id,
        channel,
        campaign,
        country,
        segment,
        owner,
        currency
    from {{ ref('fct_deals') }}

),

rates as (

    select
        currency,
        date_day,
        rate
    from {{ ref('int_fx_rates__daily') }}

),

-- A stay that ends on a day is over at the end of it, so stays of one deal never share a day.
open_days as (

    {{ covered_days('open_stays', ['deal_id'], 'entered_date', 'left_date') }}

),

-- Before the first amount was typed in the deal was worth nothing.
valued as (

    select
        open_days.date_day,
        open_days.deal_id,
        coalesce(amounts.amount, 0) as amount
    from open_days
    left join amounts
        on
            open_days.deal_id = amounts.deal_id
            and open_days.date_day >= amounts.valid_from
            and (open_days.date_day < amounts.valid_to or amounts.valid_to is null)

),

final as (

    select
        valued.date_day,
        valued.deal_id,
        {{ to_reporting('valued.amount', 'deals.currency', 'rates.rate') }} as amount_reporting,
        deals.channel,
        deals.campaign,
        deals.country,
        deals.segment,
        deals.owner
    from valued
    inner join deals on valued.deal_id = deals.deal_id
    left join rates on deals.currency = rates.currency and valued.date_day = rates.date_day

)

select * from final
