-- The channel of every source and medium seen, by the first rule of the seed that matches; (none) where no rule does.
with

pairs as (

    select distinct
        {{ or_none('source') }} as source,
        {{ or_none('medium') }} as medium
    from {{ all_of('session_parts') }}

),

rules as (

    select
        priority,
        source_pattern,
        medium_pattern,
        channel
    from {{ ref('channel_rules') }}

),

ranked as (

    select
        pairs.source,
        pairs.medium,
        {{ or_none('rules.channel') }} as channel,
        row_number() over (partition by pairs.source, pairs.medium order by rules.priority) as choice
    from pairs
    left join rules
        on pairs.source like lower(rules.source_pattern) and pairs.medium like lower(rules.medium_pattern)

)

select
    source,
    medium,
    channel
from ranked
where choice = 1
