-- What the days of a month are made of: each stay in an open stage from one amount, or turn of the month, to the next,
-- with what is known of the deal.
{{ config(meta={'month_of': 'month'}) }}

with

open_stays as (

    select
        deal_id,
        {{ reporting_date('entered_at') }} as entered_date,
        {{ reporting_date('left_at') }} as left_date
    from {{ ref('int_deals__stages') }}
    where stage_status = 'open' and entered_at is not null

),

amounts as (

    select
        deal_id,
        coalesce(amount, 0) as amount,
        {{ reporting_date('valid_from') }} as valid_from,
        {{ reporting_date('valid_to') }} as valid_to
    from {{ ref('int_deals__amounts') }}
    where valid_from is not null

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

first_amounts as (

    select
        deal_id,
        min(valid_from) as valid_from
    from amounts
    group by deal_id

),

-- Before the first amount was typed in the deal was worth nothing.
worth as (

    select
        deal_id,
        amount,
        valid_from,
        valid_to
    from amounts
    union all
    select
        deals.deal_id,
        cast(0 as decimal(18, 2)) as amount,
        cast(null as date) as valid_from,
        first_amounts.valid_from as valid_to
    from deals
    left join first_amounts on deals.deal_id = first_amounts.deal_id

),

-- A stay that ends on a day is over at the end of it, so stays of one deal never share a day; nor do amounts.
stretches as (

    select
        open_stays.deal_id,
        worth.amount,
        greatest(open_stays.entered_date, worth.valid_from) as valid_from,
        least(open_stays.left_date, worth.valid_to) as valid_to
    from open_stays
    inner join worth on open_stays.deal_id = worth.deal_id

),

months as (

    {{ covered_months('stretches', ['deal_id', 'amount'], 'valid_from', 'valid_to') }}

)

select
    months.month,
    months.deal_id,
    months.amount,
    months.first_day,
    months.last_day,
    deals.currency,
    deals.channel,
    deals.campaign,
    deals.country,
    deals.segment,
    deals.owner
from months
inner join deals on months.deal_id = deals.deal_id
