with

coverage as (

    select
        coalesce(data_from, cast('2000-01-01' as date)) as data_from,
        coalesce(data_through, cast('2000-01-01' as date)) as data_through
    from {{ ref('int_lake__coverage') }}

),

bounds as (

    select
        data_from,
        data_through,
        -- From a Monday on: the first week of the first year is whole.
        {{ period_start(period_start('data_from', 'year'), 'week') }} as first_day,
        {{ add_days(period_start(add_days(period_start('data_through', 'year'), 740), 'year'), -1) }} as last_day
    from coverage

),

days as (

    {{ span_days('bounds', [], 'first_day', 'last_day') }}

),

final as (

    select
        days.date_day,
        {{ period_start('days.date_day', 'week') }} as week_start,
        {{ period_start('days.date_day', 'month') }} as month_start,
        {{ period_start('days.date_day', 'quarter') }} as quarter_start,
        {{ period_start('days.date_day', 'year') }} as year_start,
        cast(extract(year from days.date_day) as integer) as calendar_year,
        cast(extract(quarter from days.date_day) as integer) as quarter_of_year,
        cast(extract(month from days.date_day) as integer) as month_of_year,
        -- The ISO year of a week is the year of its Thursday.
        cast(extract(year from {{ add_days(period_start('days.date_day', 'week'), 3) }}) as integer) as iso_year,
        cast(extract(week from days.date_day) as integer) as iso_week,
        cast(
            {{ add_days('days.date_day', 1) }} - {{ period_start('days.date_day', 'week') }} as integer
        ) as iso_day_of_week,
        cast(
            extract(year from days.date_day)
            {%- if var('fiscal_year_start_month') > 1 %}
            + case when extract(month from days.date_day) >= {{ var('fiscal_year_start_month') }} then 1 else 0 end
            {%- endif %}
            as integer
        ) as fiscal_year,
        days.date_day between bounds.data_from and bounds.data_through as is_covered
    from days
    cross join bounds

)

select * from final
