-- What the sends and events of a campaign are made of: days of the sources, by the load that speaks for them.
{{ config(meta={
    'month_of': 'sent_at',
    'stands_for': [
        'int_email_activity__daily', 'int_email_campaigns__unified', 'stg_mailchimp__sends', 'stg_mailchimp__unsubscribes'
    ]
}) }}

with

-- Another email platform is some more branches.
inputs as (

    select distinct
        'sends' as input,
        campaign_id,
        send_day,
        load_id,
        cast(null as {{ dbt.type_string() }}) as made_by
    from {{ ref('stg_mailchimp__sends') }}
    union all
    select distinct
        'unsubscribes' as input,
        campaign_id,
        send_day,
        load_id,
        cast(null as {{ dbt.type_string() }}) as made_by
    from {{ ref('stg_mailchimp__unsubscribes') }}
    union all
    select distinct
        'activity' as input,
        campaign_id,
        send_day,
        load_id,
        made_by
    from {{ ref('int_email_activity__daily') }}

),

campaigns as (

    select
        campaign_id,
        campaign,
        sent_at
    from {{ ref('int_email_campaigns__unified') }}

)

select
    inputs.input,
    inputs.campaign_id,
    inputs.send_day,
    inputs.load_id,
    inputs.made_by,
    campaigns.campaign,
    campaigns.sent_at
from inputs
left join campaigns on inputs.campaign_id = campaigns.campaign_id
