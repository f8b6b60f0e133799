-- One row: from the first day that any API source was pulled for to the last day that all of them reach; one that is
-- history does not hold the others back. Days between that no load covers are not looked for here: the gate raw stops
-- at them (every_day_covered). Derived from what the loads say they covered, never from a clock, so rebuilding from the
-- same lake gives the same rows. Files people edit cover everything and do not count.
with

windows as (

    {% for source_name in apis_on() %}
    select
        '{{ source_name }}' as source_name,
        window_start,
        window_end
    from {{ ref('stg_' ~ source_name ~ '__windows') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

sources as (

    select
        source_name,
        min(window_start) as first_day,
        {{ add_days('max(window_end)', -1) }} as last_day
    from windows
    group by source_name

)

select
    min(first_day) as data_from,
    min(case when source_name in {{ in_list(apis_pulled()) }} then last_day end) as data_through
from sources
