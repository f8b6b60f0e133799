-- The channel rules in the order in which they are tried: the company's own first, then the default ones. Their version
-- is a digest of all of them and of the lists of sites.
with

written as (

    select
        'own' as origin,
        priority,
        source_pattern,
        medium_pattern,
        campaign_pattern,
        referrer_pattern,
        click_id_pattern,
        channel
    from {{ ref('channel_rules_own') }}
    union all
    select
        'default' as origin,
        priority,
        source_pattern,
        medium_pattern,
        campaign_pattern,
        referrer_pattern,
        click_id_pattern,
        channel
    from {{ ref('channel_rules') }}

),

-- An empty pattern takes whatever there is.
rules as (

    select
        concat(origin, ':', cast(priority as varchar)) as channel_rule,
        cast(row_number() over (order by origin desc, priority asc) as integer) as rule_number,
        coalesce(nullif(source_pattern, ''), '.*') as source_pattern,
        coalesce(nullif(medium_pattern, ''), '.*') as medium_pattern,
        coalesce(nullif(campaign_pattern, ''), '.*') as campaign_pattern,
        coalesce(nullif(referrer_pattern, ''), '.*') as referrer_pattern,
        coalesce(nullif(click_id_pattern, ''), '.*') as click_id_pattern,
        channel
    from written

),

texts as (

    select
        'rule' as kind,
        rule_number as place,
        concat_ws(
            ' ', source_pattern, medium_pattern, campaign_pattern, referrer_pattern, click_id_pattern, channel
        ) as content
    from rules
    union all
    select
        'site' as kind,
        0 as place,
        concat_ws(' ', kind, site) as content
    from {{ ref('channel_sites') }}

),

version as (

    select substr(md5({{ joined_text('content', ';', 'kind, place, content') }}), 1, 8) as rules_version
    from texts

)

select
    rules.channel_rule,
    rules.rule_number,
    rules.source_pattern,
    rules.medium_pattern,
    rules.campaign_pattern,
    rules.referrer_pattern,
    rules.click_id_pattern,
    rules.channel,
    version.rules_version
from rules
cross join version
