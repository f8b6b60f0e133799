-- The channel of every way in which a session began, by the first rule whose patterns all match. Each value is held
-- against each pattern once, however many ways and rules they belong to. A source or host of a listed site goes by the
-- name of its list, too: `<search>`.
with

ways as (

    select distinct
        {{ or_none('lower(source)') }} as source,
        {{ or_none('lower(medium)') }} as medium,
        {{ named_campaign('campaign') }} as campaign,
        referrer,
        click_id
    from {{ all_of('session_parts') }}

),

numbered as (

    select
        *,
        row_number() over (order by source, medium, campaign, referrer, click_id) as way_number
    from ways

),

way_parts as (

    {% for part in channel_parts() %}
    select
        way_number,
        '{{ part }}' as part,
        {{ part }} as value
    from numbered
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

rule_parts as (

    {% for part in channel_parts() %}
    select
        rule_number,
        '{{ part }}' as part,
        {{ part }}_pattern as pattern
    from {{ ref('int_channels__rules') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

told as (

    select distinct
        part,
        value
    from way_parts

),

-- A site stands for itself, with the ending of a country or company, and for small subdomains (m., fr., www.).
hosts as (

    select distinct
        value,
        regexp_replace(value, '^[a-z0-9-]{1,3}[.]', '') as short_value
    from told
    where part in ('source', 'referrer')

),

sites as (

    select
        site,
        concat('<', kind, '>') as list_name
    from {{ ref('channel_sites') }}

),

listed as (

    select distinct
        hosts.value,
        sites.list_name
    from hosts
    inner join sites
        on sites.site in (
            hosts.value,
            regexp_replace(hosts.value, '[.][a-z]{2,3}$', ''),
            regexp_replace(hosts.value, '[.][a-z]{2,3}[.][a-z]{2,3}$', ''),
            hosts.short_value,
            regexp_replace(hosts.short_value, '[.][a-z]{2,3}$', ''),
            regexp_replace(hosts.short_value, '[.][a-z]{2,3}[.][a-z]{2,3}$', '')
        )

),

names as (

    select
        part,
        value,
        value as name
    from told
    union all
    select
        told.part,
        told.value,
        listed.list_name as name
    from told
    inner join listed on told.value = listed.value
    where told.part in ('source', 'referrer')

),

patterns as (

    select distinct
        part,
        pattern
    from rule_parts

),

matched as (

    select distinct
        names.part,
        names.value,
        patterns.pattern
    from names
    inner join patterns
        on names.part = patterns.part and {{ matches('names.name', 'patterns.pattern') }}

),

fulfilled as (

    select
        way_parts.way_number,
        rule_parts.rule_number
    from way_parts
    inner join matched on way_parts.part = matched.part and way_parts.value = matched.value
    inner join rule_parts on matched.part = rule_parts.part and matched.pattern = rule_parts.pattern
    group by way_parts.way_number, rule_parts.rule_number
    having count(*) = {{ channel_parts() | length }}

),

chosen as (

    select
        way_number,
        min(rule_number) as rule_number
    from fulfilled
    group by way_number

)

select
    numbered.source,
    numbered.medium,
    numbered.campaign,
    numbered.referrer,
    numbered.click_id,
    coalesce(rules.channel, 'other') as channel,
    {{ or_none('rules.channel_rule') }} as channel_rule
from numbered
left join chosen on numbered.way_number = chosen.way_number
left join {{ ref('int_channels__rules') }} as rules on chosen.rule_number = rules.rule_number
