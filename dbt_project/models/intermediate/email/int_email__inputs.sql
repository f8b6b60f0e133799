-- What the sends and events of a campaign are made of: days of the sources, by the load that speaks for them. How many
-- rows a day has moves where another message turns out to be of the campaign.
{{ config(meta={
    'month_of': 'sent_at',
    'stands_for': ['int_email_campaigns__unified']
        + models_of('email_sends') + models_of('email_activity') + models_of('email_unsubscribes')
}) }}

with

inputs as (

    select
        'sends' as input,
        campaign_id,
        filed_day,
        load_id,
        cast(null as {{ dbt.type_string() }}) as made_by,
        count(*) as row_count
    from {{ all_of('email_sends') }}
    group by campaign_id, filed_day, load_id
    union all
    select
        'unsubscribes' as input,
        campaign_id,
        filed_day,
        load_id,
        cast(null as {{ dbt.type_string() }}) as made_by,
        count(*) as row_count
    from {{ all_of('email_unsubscribes') }}
    group by campaign_id, filed_day, load_id
    union all
    select
        'activity' as input,
        campaign_id,
        filed_day,
        load_id,
        made_by,
        count(*) as row_count
    from {{ all_of('email_activity') }}
    group by campaign_id, filed_day, load_id, made_by

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
    inputs.filed_day,
    inputs.load_id,
    inputs.made_by,
    inputs.row_count,
    campaigns.campaign,
    campaigns.sent_at
from inputs
left join campaigns on inputs.campaign_id = campaigns.campaign_id
