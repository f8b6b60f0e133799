with

persons as (

    select
        person_id,
        company_id,
        lead_at,
        mql_at,
        lead_date,
        mql_date,
        acquisition_channel,
        acquisition_campaign,
        country,
        segment,
        owner
    from {{ ref('dim_persons') }}
    where is_lead

),

final as (

    select
        person_id,
        company_id,
        lead_at,
        lead_date,
        mql_at,
        mql_date,
        acquisition_channel as channel,
        acquisition_campaign as campaign,
        country,
        segment,
        owner
    from persons

)

select * from final
