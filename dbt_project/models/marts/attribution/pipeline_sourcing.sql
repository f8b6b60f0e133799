-- One row per deal with what each rule says of its origin. People may always edit the past of a deal, and a touch may
-- come until its close: computed whole.
with

deals as (

    select
        deal_id,
        company_id,
        person_id,
        channel,
        campaign,
        country,
        segment,
        owner,
        created_at,
        created_date,
        closed_at,
        created_amount_reporting
    from {{ ref('fct_deals') }}

),

lead_sources as (

    select
        persons.person_id,
        persons.lead_source,
        coalesce(lead_sources.is_marketing, false) as is_marketing
    from {{ ref('int_persons__unified') }} as persons
    left join {{ ref('lead_sources') }} as lead_sources on persons.lead_source = lead_sources.lead_source
    where persons.lead_source is not null

),

first_touches as (

    select
        conversion_id,
        channel
    from {{ ref('attribution_credits') }}
    where conversion_type = 'opportunity' and first_touch_credit = 1

),

-- What somebody received says nothing of who went to whom.
encounters as (

    select
        'marketing' as side,
        person_id,
        company_id,
        touched_at as met_at
    from {{ ref('fct_touchpoints') }}
    where channel not in {{ in_list(var('not_marketing_channels')) }}
    union all
    select
        'sales' as side,
        person_id,
        company_id,
        starts_at as met_at
    from {{ ref('fct_activities') }}
    where outcome != 'incoming_email'

),

-- A deal is met through its contact and through everybody of its company, from the look-back before its creation on.
met as (

    select
        deals.deal_id,
        encounters.side,
        encounters.met_at
    from deals
    inner join encounters on deals.company_id = encounters.company_id
    where
        {{ epoch_microseconds('deals.created_at') }} - {{ epoch_microseconds('encounters.met_at') }}
        <= {{ lookback_microseconds('opportunity') }}
    union all
    select
        deals.deal_id,
        encounters.side,
        encounters.met_at
    from deals
    inner join encounters on deals.person_id = encounters.person_id
    where
        {{ epoch_microseconds('deals.created_at') }} - {{ epoch_microseconds('encounters.met_at') }}
        <= {{ lookback_microseconds('opportunity') }}

),

firsts as (

    select
        deal_id,
        min(case when side = 'marketing' then met_at end) as first_marketing_at,
        min(case when side = 'sales' then met_at end) as first_sales_at
    from met
    group by deal_id

),

final as (

    select
        deals.deal_id,
        deals.company_id,
        deals.person_id,
        deals.channel,
        deals.campaign,
        deals.country,
        deals.segment,
        deals.owner,
        deals.created_date,
        deals.created_amount_reporting,
        lead_sources.lead_source,
        coalesce(first_touches.channel, 'unattributed') as first_touch_channel,
        firsts.first_marketing_at,
        firsts.first_sales_at,
        lead_sources.is_marketing as is_sourced_by_lead_source,
        coalesce(first_touches.channel, 'unattributed') not in {{ in_list(var('not_marketing_channels')) }}
            as is_sourced_by_first_touch,
        -- To open a deal is to sell.
        coalesce(firsts.first_marketing_at < least(firsts.first_sales_at, deals.created_at), false)
            as is_sourced_by_marketing_before_sales,
        firsts.first_marketing_at is not null
        and (deals.closed_at is null or firsts.first_marketing_at < deals.closed_at) as is_influenced
    from deals
    left join lead_sources on deals.person_id = lead_sources.person_id
    left join first_touches on concat('opportunity:', deals.deal_id) = first_touches.conversion_id
    left join firsts on deals.deal_id = firsts.deal_id

)

select * from final
