{% set cadences = ['month', 'quarter', 'year'] %}
{% set rules = {
    'lead_source': 'is_sourced_by_lead_source',
    'first_touch': 'is_sourced_by_first_touch',
    'marketing_before_sales': 'is_sourced_by_marketing_before_sales',
    'influenced': 'is_influenced',
} %}
with

deals as (

    select
        created_date,
        created_amount_reporting,
        {{ rules.values() | join(',\n        ') }}
    from {{ ref('pipeline_sourcing') }}

),

-- A rule knows of a deal what it says of it, be it no; what it does not know is neither.
judged as (

    {% for rule, verdict in rules.items() -%}
    select
        '{{ rule }}' as rule,
        created_date,
        created_amount_reporting,
        {{ verdict }} as is_marketing
    from deals
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}

),

periods as (

    {% for cadence in cadences -%}
    select
        '{{ cadence }}' as cadence,
        {{ period_start('created_date', cadence) }} as period_start,
        rule,
        count(*) as deals_created,
        count(is_marketing) as deals_known,
        sum(case when is_marketing then 1 else 0 end) as deals,
        sum(created_amount_reporting) as pipeline_generated,
        sum(case when is_marketing then created_amount_reporting else 0 end) as amount
    from judged
    group by rule, {{ period_start('created_date', cadence) }}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}

),

told as (

    select
        cadence,
        period_start,
        rule,
        rule = '{{ var('marketing_sourced_rule') }}' as is_locked,
        deals_created,
        deals_known,
        pipeline_generated,
        case when deals_known > 0 then deals end as deals,
        case when deals_known > 0 then amount end as amount
    from periods

),

final as (

    select
        told.cadence,
        told.period_start,
        told.rule,
        told.is_locked,
        cast(told.deals_created as integer) as deals_created,
        cast(told.deals_known as integer) as deals_known,
        cast(told.deals as integer) as deals,
        cast(told.amount as decimal(18, 2)) as amount_reporting,
        cast(told.pipeline_generated as decimal(18, 2)) as pipeline_generated,
        cast(told.amount as double) / nullif(cast(told.pipeline_generated as double), 0) as share_of_pipeline,
        case when told.rule != 'influenced' then cast(told.amount - locked.amount as decimal(18, 2)) end
            as gap_to_locked
    from told
    inner join told as locked
        on told.cadence = locked.cadence and told.period_start = locked.period_start and locked.is_locked

)

select * from final
