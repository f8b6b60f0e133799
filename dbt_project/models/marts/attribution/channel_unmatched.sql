with

final as (

    select
        source,
        medium,
        campaign,
        referrer,
        click_id,
        count(*) as sessions,
        count(*) filter (where is_converted) as converted_sessions,
        min(session_date) as first_seen_on,
        max(session_date) as last_seen_on
    from {{ ref('fct_sessions') }}
    where channel_rule = '(none)'
    group by source, medium, campaign, referrer, click_id

)

select * from final
order by sessions desc, source asc, medium asc, campaign asc, referrer asc, click_id asc
