with

seen as (

    select
        channel,
        campaign,
        'web' as source,
        session_date as seen_on
    from {{ ref('int_sessions__unified') }}
    union all
    select
        'email' as channel,
        campaign,
        'email' as source,
        send_date as seen_on
    from {{ ref('int_email_sends__unified') }}
    union all
    select
        channel,
        campaign,
        'spend' as source,
        date_day as seen_on
    from {{ ref('int_spend__unified') }}
    where kind = 'media'

),

final as (

    select
        campaign,
        channel,
        -- Spend knows its campaigns first hand, then the email platform, then the links.
        min(source) filter (where source != 'web') is null as is_only_in_links,
        coalesce(min(source) filter (where source != 'web'), 'web') as source,
        min(seen_on) as first_seen_on,
        max(seen_on) as last_seen_on,
        channel = 'email' as is_email
    from seen
    where campaign != '(none)'
    group by channel, campaign

)

select * from final
