-- What each month says, as a digest: by it int_attribution__shares knows the windows that it has not solved yet.
{{ config(materialized='view') }}

select
    conversion_type,
    month,
    {{ rows_digest('packed', ['path']) }} as digest
from (
    select
        conversion_type,
        month,
        path,
        conversions,
        value,
        nulls
    from {{ ref('int_attribution__paths') }}
) as packed
group by conversion_type, month
