{{ config(meta={'month_of': 'converted_date'}) }}

with

leads as (

    select
        person_id,
        company_id,
        lead_at,
        lead_date,
        mql_at,
        mql_date
    from {{ ref('fct_leads') }}

),

deals as (

    select
        deal_id,
        company_id,
        person_id,
        created_at,
        created_date,
        closed_at,
        closed_date,
        is_first_won,
        created_amount_reporting,
        amount_reporting
    from {{ ref('fct_deals') }}

),

orders as (

    select
        order_id,
        client_id,
        person_id,
        company_id,
        ordered_at,
        ordered_date,
        net_value_reporting
    from {{ ref('fct_orders') }}

),

-- Another conversion type is one more branch.
conversions as (

    select
        concat('lead:', person_id) as conversion_id,
        'lead' as conversion_type,
        person_id,
        company_id,
        lead_at as converted_at,
        lead_date as converted_date,
        {{ typed_null('timestamp') }} as opportunity_at,
        cast(0 as decimal(18, 2)) as value_reporting
    from leads
    union all
    select
        concat('mql:', person_id) as conversion_id,
        'mql' as conversion_type,
        person_id,
        company_id,
        mql_at as converted_at,
        mql_date as converted_date,
        {{ typed_null('timestamp') }} as opportunity_at,
        cast(0 as decimal(18, 2)) as value_reporting
    from leads
    where mql_at is not null
    union all
    select
        concat('opportunity:', deal_id) as conversion_id,
        'opportunity' as conversion_type,
        person_id,
        company_id,
        created_at as converted_at,
        created_date as converted_date,
        created_at as opportunity_at,
        created_amount_reporting as value_reporting
    from deals
    union all
    select
        concat('customer:', deal_id) as conversion_id,
        'customer' as conversion_type,
        person_id,
        company_id,
        closed_at as converted_at,
        closed_date as converted_date,
        created_at as opportunity_at,
        amount_reporting as value_reporting
    from deals
    where is_first_won
    union all
    select
        concat('order:', order_id) as conversion_id,
        'order' as conversion_type,
        coalesce(person_id, {{ browser_person('client_id') }}) as person_id,
        company_id,
        ordered_at as converted_at,
        ordered_date as converted_date,
        {{ typed_null('timestamp') }} as opportunity_at,
        net_value_reporting as value_reporting
    from orders

),

-- A milestone that came after the conversion is none of it.
final as (

    select
        conversions.conversion_id,
        conversions.conversion_type,
        conversions.person_id,
        conversions.company_id,
        conversions.converted_at,
        conversions.converted_date,
        case when leads.lead_at <= conversions.converted_at then leads.lead_at end as lead_at,
        case
            when conversions.opportunity_at <= conversions.converted_at then conversions.opportunity_at
        end as opportunity_at,
        conversions.value_reporting
    from conversions
    left join leads on conversions.person_id = leads.person_id

)

select * from final
