with

dates as (

    select
        date_day,
        month_start,
        quarter_start,
        year_start
    from {{ ref('dim_dates') }}
    where is_covered

),

periods as (

    select
        'month' as cadence,
        month_start as period_start,
        max(date_day) as last_day
    from dates
    group by month_start
    union all
    select
        'quarter' as cadence,
        quarter_start as period_start,
        max(date_day) as last_day
    from dates
    group by quarter_start
    union all
    select
        'year' as cadence,
        year_start as period_start,
        max(date_day) as last_day
    from dates
    group by year_start

),

paid as (

    select
        company_id,
        valid_from,
        valid_to
    from {{ ref('int_mrr__balances') }}
    where closing > 0

),

companies as (

    select
        company_id,
        country,
        segment
    from {{ ref('dim_companies') }}

),

-- Customers of the opening balance: those of the day before the period begins.
opening as (

    select
        periods.cadence,
        periods.period_start,
        periods.last_day,
        paid.company_id
    from periods
    inner join paid
        on
            periods.period_start > paid.valid_from
            and (periods.period_start <= paid.valid_to or paid.valid_to is null)

),

closing as (

    select
        periods.cadence,
        periods.period_start,
        paid.company_id
    from periods
    inner join paid
        on
            periods.last_day >= paid.valid_from
            and (periods.last_day < paid.valid_to or paid.valid_to is null)

),

final as (

    select
        opening.cadence,
        opening.period_start,
        opening.company_id,
        true as was_active,
        closing.company_id is null as is_churned,
        {{ or_none('companies.country') }} as country,
        {{ or_none('companies.segment') }} as segment
    from opening
    left join closing
        on
            opening.cadence = closing.cadence
            and opening.period_start = closing.period_start
            and opening.company_id = closing.company_id
    left join companies on opening.company_id = companies.company_id

)

select * from final
