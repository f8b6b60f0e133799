-- The lake's own table of what was pulled, so it waits for every table of the source. A table, not a view: all models
-- of one run see the same loads, whatever is committed meanwhile.
-- depends_on: {{ source('matomo', 'visits') }}
-- depends_on: {{ source('matomo', 'goal_conversions') }}
-- depends_on: {{ source('matomo', 'daily_traffic') }}
-- depends_on: {{ source('matomo', 'goals') }}
-- depends_on: {{ source('matomo', 'sites') }}

with

windows as (

    {{ committed_windows('matomo') }}

)

select
    load_id,
    table_name,
    window_start,
    window_end,
    {{ utc_timestamp('pulled_at') }} as pulled_at
from windows
