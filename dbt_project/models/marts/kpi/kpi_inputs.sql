{% do kpi_depends_on() %}

with inputs as (

    {{ kpi_input_rows() }}

),

final as (

    select
        kpi,
        input_name,
        fact,
        fact_key,
        day_column,
        dimensions,
        aggregation,
        expression,
        filter,
        is_snapshot,
        time_window,
        window_start,
        window_end,
        cadence_column,
        window_cadence,
        lake_tables
    from inputs

)

select * from final
