-- Where and how large who converted is: of the conversion's company, else of its person.
{{ config(materialized='table_by_month', meta={'month_of': 'converted_date'}) }}

with

conversions as (

    select
        conversion_id,
        person_id,
        company_id,
        converted_date
    from {{ ref('fct_conversions') }}

),

companies as (

    select
        company_id,
        country,
        segment
    from {{ ref('dim_companies') }}

),

persons as (

    select
        person_id,
        country,
        segment
    from {{ ref('dim_persons') }}

)

select
    conversions.conversion_id,
    conversions.converted_date,
    coalesce(nullif(companies.country, '(none)'), persons.country, '(none)') as country,
    coalesce(nullif(companies.segment, '(none)'), persons.segment, '(none)') as segment
from conversions
left join companies on conversions.company_id = companies.company_id
left join persons on conversions.person_id = persons.person_id
