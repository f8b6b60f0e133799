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

covered as (

    select
        min(date_day) as first_day,
        max(date_day) as last_day
    from {{ ref('dim_dates') }}
    where is_covered

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
open_spans as (

    select
        open_stays.deal_id,
        greatest(open_stays.entered_date, covered.first_day) as first_day,
        least(coalesce({{ add_days('open_stays.left_date', -1) }}, covered.last_day), covered.last_day) as last_day
    from open_stays
    cross join covered
    where open_stays.entered_date is not null

),

open_days as (

    {{ span_days('open_spans', ['deal_id'], 'first_day', 'last_day') }}

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
