with

source as (

    {{ latest_records('salesforce', 'accounts', ['account_id'], 'updated_at') }}

),

losers as (

    select
        merged_into as survivor_id,
        {{ sorted_list('account_id') }} as merged_ids
    from source
    where merged_into is not null
    group by merged_into

)

select
    -- ids
    {{ record_id('salesforce', 'source.account_id') }} as company_id,
    {{ record_ids('salesforce', 'losers.merged_ids') }} as merged_ids,

    -- strings
    source.name,
    lower(source.domain) as domain,
    nullif(trim(source.country), '') as country,
    source.industry,
    nullif(trim(source.segment), '') as segment,

    -- numerics
    cast(source.employees as integer) as employees,

    -- booleans
    coalesce(source.archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('source.created_at') }} as created_at,
    {{ utc_timestamp('source.updated_at') }} as updated_at
from source
left join losers on source.account_id = losers.survivor_id
