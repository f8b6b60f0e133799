-- Shares of the month's conversions and value that have a touch; what is rounded off goes, a unit each, to those that
-- lost most (largest remainder), so that a model adds up to the month exactly.
{{ config(meta={'month_of': 'month'}) }}

with

totals as (

    select
        conversion_type,
        month,
        sum(case when path != '[]' then conversions else 0 end) as conversions,
        sum(case when path != '[]' then value else 0 end) as value,
        sum(case when path = '[]' then conversions else 0 end) as unattributed_conversions,
        sum(case when path = '[]' then value else 0 end) as unattributed_value
    from {{ ref('int_attribution__paths') }}
    group by conversion_type, month

),

shares as (

    select
        model,
        conversion_type,
        month,
        channel,
        share,
        share_lower,
        share_upper,
        value_share,
        removal_effect,
        trained_from,
        trained_conversions,
        trained_nulls,
        note,
        withheld_reason
    from {{ ref('int_attribution__shares') }}

),

-- In whole units: billionths of a conversion, cents. What is withheld has no share, and no amount.
exact as (

    select
        shares.*,
        cast(coalesce(totals.conversions, 0) * 1000000000 as double) as conversions_total,
        cast(coalesce(totals.value, 0) * 100 as double) as value_total
    from shares
    left join totals on shares.conversion_type = totals.conversion_type and shares.month = totals.month

),

floored as (

    select
        *,
        floor(share * conversions_total) as conversions_floor,
        share * conversions_total - floor(share * conversions_total) as conversions_rest,
        floor(value_share * value_total) as value_floor,
        value_share * value_total - floor(value_share * value_total) as value_rest
    from exact

),

ranked as (

    select
        *,
        {%- for amount in ['conversions', 'value'] %}
        {{ amount }}_total - sum({{ amount }}_floor) over (partition by model, conversion_type, month)
            as {{ amount }}_missing,
        row_number() over (
            partition by model, conversion_type, month order by {{ amount }}_rest desc, channel asc
        ) as {{ amount }}_rank,
        {%- endfor %}
        cast(count(*) over (partition by model, conversion_type, month) as double) as channels
    from floored

),

-- Noise of doubles may be more than a unit each where a total has many digits.
settled as (

    select
        {%- for amount in ['conversions', 'value'] %}
        {{ amount }}_floor + floor({{ amount }}_missing / channels)
        + case
            when {{ amount }}_rank <= {{ amount }}_missing - channels * floor({{ amount }}_missing / channels) then 1
            else 0
        end as {{ amount }}_units,
        {%- endfor %}
        *
    from ranked

),

unattributed as (

    select distinct
        shares.model,
        shares.conversion_type,
        shares.month,
        shares.trained_from,
        shares.trained_conversions,
        shares.trained_nulls,
        totals.unattributed_conversions,
        totals.unattributed_value
    from shares
    inner join totals on shares.conversion_type = totals.conversion_type and shares.month = totals.month
    where shares.withheld_reason is null and totals.unattributed_conversions > 0

),

channels_and_none as (

    select
        model,
        conversion_type,
        month,
        channel,
        conversions_units / 1000000000 as conversions,
        value_units / 100 as value,
        share,
        share_lower,
        share_upper,
        removal_effect,
        trained_from,
        trained_conversions,
        trained_nulls,
        note,
        withheld_reason
    from settled
    union all
    select
        model,
        conversion_type,
        month,
        'unattributed' as channel,
        unattributed_conversions as conversions,
        unattributed_value as value,
        null as share,
        null as share_lower,
        null as share_upper,
        null as removal_effect,
        trained_from,
        trained_conversions,
        trained_nulls,
        null as note,
        null as withheld_reason
    from unattributed

),

final as (

    select
        model,
        conversion_type,
        month,
        channel,
        cast(conversions as decimal(18, 9)) as conversions,
        cast(value as decimal(18, 2)) as value,
        share,
        share_lower,
        share_upper,
        removal_effect,
        trained_from,
        trained_conversions,
        trained_nulls,
        note,
        withheld_reason
    from channels_and_none

)

select * from final
