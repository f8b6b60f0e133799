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

days as (

    select date_day
    from {{ ref('dim_dates') }}
    where is_covered

),

companies as (

    select
        company_id,
        country,
        segment
    from {{ ref('dim_companies') }}

),

final as (

    select
        days.date_day,
        balances.company_id,
        balances.closing as mrr_reporting,
        {{ or_none('companies.country') }} as country,
        {{ or_none('companies.segment') }} as segment
    from balances
    inner join days
        on
            balances.valid_from <= days.date_day
            and (balances.valid_to > days.date_day or balances.valid_to is null)
    left join companies on balances.company_id = companies.company_id

)

select * from final
