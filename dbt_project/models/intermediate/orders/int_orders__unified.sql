-- One row per order of every analytics source, in the reporting currency at the rate of its day, less what was refunded
-- whenever that was. Of purchases with one id the first counts. A refund that says no value is one of all of it; no
-- order is refunded more than it was worth. A refund of an order nobody knows is none.
{{ config(materialized='table_by_month', meta={'month_of': 'ordered_date'}) }}

with

events as (

    select
        order_id,
        client_id,
        action,
        currency,
        value,
        ordinal,
        occurred_at
    from {{ all_of('order_events') }}

),

purchases as (

    select
        order_id,
        client_id,
        currency,
        -- What was bought is worth nothing at least, whatever its event says.
        greatest(coalesce(value, 0), 0) as value,
        occurred_at as ordered_at,
        {{ reporting_date('occurred_at') }} as ordered_date,
        row_number() over (
            partition by order_id order by occurred_at, coalesce(client_id, ''), ordinal
        ) as purchase_number
    from events
    where order_id is not null and action = 'purchase'

),

orders as (

    select
        order_id,
        client_id,
        currency,
        value,
        ordered_at,
        ordered_date
    from purchases
    where purchase_number = 1

),

rates as (

    select
        currency,
        date_day,
        rate
    from {{ ref('int_fx_rates__daily') }}

),

-- Some write a refund below zero. In its own currency it is exact: of all of an order nothing is left.
refunds as (

    select
        orders.order_id,
        orders.ordered_date,
        case
            when events.value is null then orders.currency else coalesce(events.currency, orders.currency)
        end as currency,
        sum(coalesce(abs(events.value), orders.value)) as amount
    from events
    inner join orders on events.order_id = orders.order_id
    where events.action = 'refund'
    group by
        orders.order_id,
        orders.ordered_date,
        case when events.value is null then orders.currency else coalesce(events.currency, orders.currency) end

),

-- Unknown where any of them has no rate.
refunded as (

    select
        refunds.order_id,
        case
            when count(*) = count({{ to_reporting('refunds.amount', 'refunds.currency', 'rates.rate') }})
                then sum({{ to_reporting('refunds.amount', 'refunds.currency', 'rates.rate') }})
        end as amount_reporting
    from refunds
    left join rates on refunds.currency = rates.currency and refunds.ordered_date = rates.date_day
    group by refunds.order_id

),

converted as (

    select
        orders.order_id,
        orders.client_id,
        orders.currency,
        orders.value,
        {{ to_reporting('orders.value', 'orders.currency', 'rates.rate') }} as value_reporting,
        case when refunded.order_id is null then 0 else refunded.amount_reporting end as refunded_reporting,
        orders.ordered_at,
        orders.ordered_date
    from orders
    left join rates on orders.currency = rates.currency and orders.ordered_date = rates.date_day
    left join refunded on orders.order_id = refunded.order_id

),

clients as (

    select
        client_id,
        person_id
    from {{ ref('int_persons__clients') }}

),

persons as (

    select
        person_id,
        company_id
    from {{ ref('int_persons__unified') }}

)

select
    converted.order_id,
    converted.client_id,
    persons.person_id,
    persons.company_id,
    converted.currency,
    converted.value,
    converted.value_reporting,
    cast(
        case
            when converted.refunded_reporting > converted.value_reporting then converted.value_reporting
            else converted.refunded_reporting
        end as decimal(18, 2)
    ) as refunded_reporting,
    converted.ordered_at,
    converted.ordered_date
from converted
left join clients on converted.client_id = clients.client_id
left join persons on clients.person_id = persons.person_id
