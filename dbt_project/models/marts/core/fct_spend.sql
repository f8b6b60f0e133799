{{ config(meta={'month_of': 'date_day'}) }}

with

final as (

    select
        spend_id,
        date_day,
        kind,
        category,
        platform,
        channel,
        campaign,
        amount,
        currency,
        amount_reporting,
        is_marketing,
        impressions,
        clicks
    from {{ ref('int_spend__unified') }}

)

select * from final
