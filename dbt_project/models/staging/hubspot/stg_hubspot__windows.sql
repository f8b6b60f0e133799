-- The lake's own table of what was pulled, so it waits for every table of the source. A table, not a view: all models
-- of one run see the same loads, whatever is committed meanwhile.
-- depends_on: {{ source('hubspot', 'contacts') }}
-- depends_on: {{ source('hubspot', 'companies') }}
-- depends_on: {{ source('hubspot', 'deals') }}
-- depends_on: {{ source('hubspot', 'property_history') }}
-- depends_on: {{ source('hubspot', 'owners') }}
-- depends_on: {{ source('hubspot', 'pipeline_stages') }}
-- depends_on: {{ source('hubspot', 'meetings') }}
-- depends_on: {{ source('hubspot', 'calls') }}
-- depends_on: {{ source('hubspot', 'emails') }}
-- depends_on: {{ source('hubspot', 'associations') }}

with

windows as (

    {{ committed_windows('hubspot') }}

)

select
    load_id,
    table_name,
    window_start,
    window_end,
    {{ utc_timestamp('pulled_at') }} as pulled_at
from windows
