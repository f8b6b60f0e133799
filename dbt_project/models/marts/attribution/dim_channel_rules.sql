with

rules as (

    select
        channel_rule,
        rule_number,
        source_pattern,
        medium_pattern,
        campaign_pattern,
        referrer_pattern,
        click_id_pattern,
        channel,
        rules_version
    from {{ ref('int_channels__rules') }}

),

sessions as (

    select
        channel_rule,
        count(*) as sessions,
        count(*) filter (where is_converted) as converted_sessions,
        min(session_date) as first_seen_on,
        max(session_date) as last_seen_on
    from {{ ref('fct_sessions') }}
    group by channel_rule

),

final as (

    select
        rules.channel_rule,
        rules.rule_number,
        rules.source_pattern,
        rules.medium_pattern,
        rules.campaign_pattern,
        rules.referrer_pattern,
        rules.click_id_pattern,
        rules.channel,
        rules.rules_version,
        coalesce(sessions.sessions, 0) as sessions,
        coalesce(sessions.converted_sessions, 0) as converted_sessions,
        sessions.first_seen_on,
        sessions.last_seen_on
    from rules
    left join sessions on rules.channel_rule = sessions.channel_rule

)

select * from final
