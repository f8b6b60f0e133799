-- Orders, as purchases in the site's currency. Matomo keeps no refunds, and of orders with one id the first.
{{ config(materialized='view') }}

with

orders as (

    select
        client_id,
        order_id,
        ordinal,
        revenue,
        visit_date,
        converted_at
    from {{ ref('stg_matomo__goal_conversions') }}
    where goal_id = 'order'

),

sites as (

    {{ latest_records('matomo', 'sites', ['site_id']) }}

),

-- A setting names the site: the newest that was pulled.
site as (

    select max_by(upper(currency), cast(_dlt_load_id as double)) as currency
    from sites

)

select
    -- ids
    {{ record_id('matomo', 'orders.order_id') }} as order_id,
    orders.client_id,

    -- strings
    'purchase' as action,
    site.currency,

    -- numerics
    orders.revenue as value,
    orders.ordinal,

    -- timestamps
    orders.visit_date as event_date,
    orders.converted_at as occurred_at
from orders
cross join site
