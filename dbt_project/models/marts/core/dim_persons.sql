with

persons as (

    select
        person_id,
        email_hash,
        company_id,
        country,
        segment,
        owner,
        lifecycle_stage,
        has_backfilled_stage,
        created_at,
        lead_at,
        mql_at,
        sql_at,
        opportunity_at,
        customer_at
    from {{ ref('int_persons__unified') }}

),

acquisition as (

    select
        person_id,
        channel,
        campaign
    from {{ ref('int_persons__acquisition') }}

),

final as (

    select
        persons.person_id,
        persons.email_hash,
        persons.company_id,
        persons.country,
        persons.segment,
        persons.owner,
        persons.lifecycle_stage,
        acquisition.channel as acquisition_channel,
        acquisition.campaign as acquisition_campaign,
        persons.lead_at is not null as is_lead,
        persons.has_backfilled_stage,
        persons.created_at,
        persons.lead_at,
        persons.mql_at,
        persons.sql_at,
        persons.opportunity_at,
        persons.customer_at,
        {{ reporting_date('persons.created_at') }} as created_date,
        {{ reporting_date('persons.lead_at') }} as lead_date,
        {{ reporting_date('persons.mql_at') }} as mql_date,
        {{ reporting_date('persons.sql_at') }} as sql_date,
        {{ reporting_date('persons.opportunity_at') }} as opportunity_date,
        {{ reporting_date('persons.customer_at') }} as customer_date
    from persons
    inner join acquisition on persons.person_id = acquisition.person_id

)

select * from final
