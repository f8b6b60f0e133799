with

final as (

    select
        owner_id,
        owner,
        team,
        is_active
    from {{ ref('int_owners__unified') }}

)

select * from final
