-- The lake's own table of what was pulled, so it waits for every table of the source. A table, not a view: all models
-- of one run see the same loads, whatever is committed meanwhile.
-- depends_on: {{ source('spreadsheets', 'ad_spend') }}
-- depends_on: {{ source('spreadsheets', 'marketing_costs') }}
-- depends_on: {{ source('spreadsheets', 'targets') }}
-- depends_on: {{ source('spreadsheets', 'fx_rates') }}
-- depends_on: {{ source('spreadsheets', 'subscriptions') }}
-- depends_on: {{ source('spreadsheets', 'benchmarks') }}
-- depends_on: {{ source('spreadsheets', 'touches') }}

with

windows as (

    {{ committed_windows('spreadsheets') }}

)

select
    load_id,
    table_name,
    window_start,
    window_end,
    {{ utc_timestamp('pulled_at') }} as pulled_at
from windows
