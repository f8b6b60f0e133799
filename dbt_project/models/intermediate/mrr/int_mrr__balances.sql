-- The monthly recurring revenue of each company from one change to the next. A contract counts from its first day to
-- the day before ended_on, at the rate of its first day for its whole life: rates moving are no MRR movement.
with

subscriptions as (

    select
        subscription_id,
        company_id,
        currency,
        mrr,
        started_on,
        ended_on
    from {{ ref('stg_spreadsheets__subscriptions') }}
    where ended_on is null or ended_on > started_on

),

merged as (

    select
        company_id,
        survivor_id
    from {{ ref('int_companies__merges') }}

),

rates as (

    select
        currency,
        date_day,
        rate
    from {{ ref('int_fx_rates__daily') }}

),

contracts as (

    select
        coalesce(merged.survivor_id, subscriptions.company_id) as company_id,
        {{ to_reporting('subscriptions.mrr', 'subscriptions.currency', 'rates.rate') }} as mrr_reporting,
        subscriptions.started_on,
        subscriptions.ended_on
    from subscriptions
    left join merged on subscriptions.company_id = merged.company_id
    left join rates
        on subscriptions.currency = rates.currency and subscriptions.started_on = rates.date_day

),

steps as (

    select
        company_id,
        started_on as date_day,
        mrr_reporting as step
    from contracts
    union all
    select
        company_id,
        ended_on as date_day,
        -mrr_reporting as step
    from contracts
    where ended_on is not null

),

daily as (

    select
        company_id,
        date_day,
        sum(step) as step
    from steps
    group by company_id, date_day

),

running as (

    select
        company_id,
        date_day,
        sum(step) over (
            partition by company_id order by date_day
            rows between unbounded preceding and current row
        ) as balance
    from daily

)

select
    company_id,
    cast(coalesce(lag(balance) over (partition by company_id order by date_day), 0) as decimal(18, 2)) as opening,
    cast(balance as decimal(18, 2)) as closing,
    date_day as valid_from,
    lead(date_day) over (partition by company_id order by date_day) as valid_to
from running
