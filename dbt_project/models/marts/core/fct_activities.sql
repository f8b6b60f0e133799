with

final as (

    select
        activity_id,
        kind,
        is_demo,
        person_id,
        company_id,
        deal_id,
        owner,
        country,
        segment,
        booked_at,
        booked_date,
        starts_at,
        start_date,
        outcome
    from {{ ref('int_activities__unified') }}
    where archived_at is null

)

select * from final
