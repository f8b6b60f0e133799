-- The lake's own table of what was pulled, so it waits for every table of the source. A table, not a view: all models
-- of one run see the same loads, whatever is committed meanwhile.
-- depends_on: {{ source('ga4', 'events') }}
-- depends_on: {{ source('ga4', 'daily_traffic') }}
-- depends_on: {{ source('ga4', 'report_metadata') }}

with

windows as (

    {{ committed_windows('ga4') }}

)

select
    load_id,
    table_name,
    window_start,
    window_end,
    {{ utc_timestamp('pulled_at') }} as pulled_at
from windows
