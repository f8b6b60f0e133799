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
    union all
    select
        channel,
        campaign,
        'touches' as source,
        {{ reporting_date('touched_at') }} as seen_on
    from {{ ref('stg_spreadsheets__touches') }}

),

final as (

    select
        campaign,
        channel,
        -- Spend, the email platform and lists of touches know their campaigns first hand, links do not.
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
