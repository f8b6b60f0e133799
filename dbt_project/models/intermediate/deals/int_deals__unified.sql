-- One row per deal that is not archived, in the reporting currency, with its owner, company and person.
with

deals as (

    select
        deal_id,
        owner_id,
        lost_reason,
        partner,
        currency,
        amount,
        recurring_amount,
        created_at,
        {{ reporting_date('created_at') }} as created_date
    from {{ ref('int_deals__records') }}

),

closes as (

    select
        deal_id,
        status,
        closed_at,
        {{ reporting_date('closed_at') }} as closed_date
    from {{ ref('int_deals__closes') }}

),

first_amounts as (

    select
        deal_id,
        min_by(amount, amount_number) as amount
    from {{ ref('int_deals__amounts') }}
    where amount is not null
    group by deal_id

),

links as (

    select
        deal_id,
        person_id,
        company_id
    from {{ ref('int_deals__links') }}

),

owners as (

    select
        owner_id,
        owner
    from {{ ref('int_owners__unified') }}

),

rates as (

    select
        currency,
        date_day,
        rate
    from {{ ref('int_fx_rates__daily') }}

),

coverage as (

    select data_through
    from {{ ref('int_lake__coverage') }}

)

select
    deals.deal_id,
    links.company_id,
    links.person_id,
    {{ or_none('owners.owner') }} as owner,
    closes.status,
    case when closes.status = 'lost' then {{ or_none('deals.lost_reason') }} end as lost_reason,
    {{ or_none('deals.partner') }} as partner,
    deals.currency,
    deals.amount,
    {{ to_reporting('coalesce(first_amounts.amount, 0)', 'deals.currency', 'created_rates.rate') }}
        as created_amount_reporting,
    {{ to_reporting('coalesce(deals.amount, 0)', 'deals.currency', 'closed_rates.rate') }} as amount_reporting,
    {{ to_reporting('deals.recurring_amount', 'deals.currency', 'closed_rates.rate') }} as recurring_amount_reporting,
    deals.created_at,
    deals.created_date,
    closes.closed_at,
    closes.closed_date
from deals
cross join coverage
inner join closes on deals.deal_id = closes.deal_id
left join first_amounts on deals.deal_id = first_amounts.deal_id
left join links on deals.deal_id = links.deal_id
left join owners on deals.owner_id = owners.owner_id
left join rates as created_rates
    on deals.currency = created_rates.currency and deals.created_date = created_rates.date_day
-- An open deal is worth what it is worth on the last known day.
left join rates as closed_rates
    on
        deals.currency = closed_rates.currency
        and coalesce(closes.closed_date, coverage.data_through) = closed_rates.date_day
