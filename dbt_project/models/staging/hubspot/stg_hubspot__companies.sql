with

source as (

    {{ latest_records('hubspot', 'companies', ['company_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('hubspot', 'company_id') }} as company_id,
    {{ record_ids('hubspot', 'merged_ids') }} as merged_ids,

    -- strings
    name,
    lower(domain) as domain,
    nullif(trim(country), '') as country,
    industry,
    nullif(trim(segment), '') as segment,

    -- numerics
    cast(employees as integer) as employees,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
