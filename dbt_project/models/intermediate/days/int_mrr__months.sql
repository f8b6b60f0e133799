-- What the days of a month are made of: the balance of each company from one change, or turn of the month, to the next,
-- with what is known of the company.
{{ config(meta={'month_of': 'month'}) }}

with

balances as (

    select
        company_id,
        closing,
        valid_from,
        valid_to
    from {{ ref('int_mrr__balances') }}
    where closing != 0

),

companies as (

    select
        company_id,
        country,
        segment
    from {{ ref('dim_companies') }}

),

months as (

    {{ covered_months('balances', ['company_id', 'closing'], 'valid_from', 'valid_to') }}

)

select
    months.month,
    months.company_id,
    months.closing,
    months.first_day,
    months.last_day,
    {{ or_none('companies.country') }} as country,
    {{ or_none('companies.segment') }} as segment
from months
left join companies on months.company_id = companies.company_id
