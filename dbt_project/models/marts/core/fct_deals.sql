with

deals as (

    select
        deal_id,
        company_id,
        person_id,
        owner,
        partner,
        status,
        lost_reason,
        currency,
        amount,
        created_amount_reporting,
        amount_reporting,
        recurring_amount_reporting,
        created_at,
        created_date,
        closed_at,
        closed_date
    from {{ ref('int_deals__unified') }}

),

persons as (

    select
        person_id,
        acquisition_channel,
        acquisition_campaign,
        country
    from {{ ref('dim_persons') }}

),

companies as (

    select
        company_id,
        country,
        segment
    from {{ ref('dim_companies') }}

),

first_wins as (

    select
        deal_id,
        row_number() over (
            partition by coalesce(company_id, concat('deal:', deal_id)) order by closed_at, deal_id
        ) as win_number
    from deals
    where status = 'won'

),

final as (

    select
        deals.deal_id,
        deals.company_id,
        deals.person_id,
        coalesce(persons.acquisition_channel, 'unattributed') as channel,
        {{ or_none('persons.acquisition_campaign') }} as campaign,
        coalesce(companies.country, persons.country, '(none)') as country,
        {{ or_none('companies.segment') }} as segment,
        deals.owner,
        deals.partner,
        deals.created_at,
        deals.created_date,
        deals.closed_at,
        deals.closed_date,
        deals.status = 'won' as is_won,
        deals.status = 'lost' as is_lost,
        deals.status = 'open' as is_open,
        deals.amount,
        deals.currency,
        deals.created_amount_reporting,
        deals.amount_reporting,
        deals.recurring_amount_reporting,
        -- A close dated before the creation is a typing error and has no duration.
        case when deals.closed_at >= deals.created_at then {{ days_between('deals.created_at', 'deals.closed_at') }} end
            as cycle_days,
        coalesce(first_wins.win_number = 1, false) as is_first_won,
        deals.lost_reason
    from deals
    left join persons on deals.person_id = persons.person_id
    left join companies on deals.company_id = companies.company_id
    left join first_wins on deals.deal_id = first_wins.deal_id

)

select * from final
