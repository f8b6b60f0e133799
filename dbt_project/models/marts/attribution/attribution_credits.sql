-- Touches are numbered in the order of the person or company whose paths they are in, so a path is a range of numbers
-- and none is sorted here: one pass finds the ends of every path and its milestones, a second one credits its touches.
{% set models = role_weights() %}
{% set reach = path_reach_days() %}
{{ config(materialized='table_by_month', meta={
    'month_of': 'converted_date',
    'made_of': {
        'fct_conversions': {'days_after': reach if paths_begin_after_conversions() else 0},
        'fct_touchpoints': {'days_before': 1, 'days_after': reach}
    }
}) }}

with

-- Whose touches a path is made of: a person's, or a company's where there is one.
conversions as (

    select
        conversion_id,
        conversion_type,
        converted_at,
        converted_date,
        {{ path_owner('conversion_type', 'company_id', 'person_id') }} as owner_id,
        {{ epoch_microseconds('converted_at') }} - case conversion_type
            {%- for type in attribution_settings().attribution_conversions %}
            when '{{ type }}' then {{ lookback_microseconds(type) }}
            {%- endfor %}
        end as earliest,
        case
            {%- for set in touch_sets() %}
            when conversion_type in {{ in_list(set.conversion_types) }} then {{ loop.index }}
            {%- endfor %}
        end as touch_set,
        lead_at,
        opportunity_at,
        value_reporting
    from {{ ref('fct_conversions') }}
    where {{ in_stale_months('fct_conversions') }}

),

windows as (

    select
        conversion_id,
        owner_id,
        touch_set,
        converted_at,
        lead_at,
        opportunity_at,
        value_reporting,
        {%- if paths_begin_after_conversions() %}
        -- Conversions of one instant share their touches.
        greatest(earliest, max({{ epoch_microseconds('converted_at') }}) over (
            partition by conversion_type, owner_id
            order by {{ epoch_microseconds('converted_at') }}
            range between unbounded preceding and 1 preceding
        ) + 1) as earliest
        {%- else %}
        earliest
        {%- endif %}
    from conversions

),

touchpoints as (

    select
        touch_id,
        person_id,
        company_id,
        touched_at,
        touch_type,
        channel,
        campaign,
        touch_number
    from {{ ref('fct_touchpoints') }}
    where {{ in_stale_months('fct_touchpoints') }}

),

touches as (

    {{ touches_by_owner('touchpoints') }}

),

-- To the microsecond: a touch later than the conversion, even on its day, is none of its causes.
paths as (

    select
        windows.conversion_id,
        windows.value_reporting,
        touches.touch_id,
        touches.channel,
        touches.campaign,
        touches.touch_number,
        touches.touched_at <= windows.lead_at as until_lead,
        touches.touched_at,
        touches.touched_at <= windows.opportunity_at as until_opportunity
    from windows
    inner join touches
        on
            windows.touch_set = touches.touch_set
            and windows.owner_id = touches.owner_id
            and windows.converted_at >= touches.touched_at
            and windows.earliest <= {{ epoch_microseconds('touches.touched_at') }}

),

-- Who holds which role; 0 where nobody does.
ends as (

    select
        conversion_id,
        min(touch_number) as first_number,
        max(touch_number) as last_number,
        -- A path of nothing but direct visits credits the last of them.
        coalesce(
            max(case when channel != 'direct' then touch_number end), max(touch_number)
        ) as last_non_direct_number,
        max(case when until_lead then touch_number else 0 end) as lead_number,
        max(case when until_opportunity then touch_number else 0 end) as opportunity_number,
        max(touched_at) as last_touched_at,
        count(*) as touches
    from paths
    group by conversion_id

),

decays as (

    select
        paths.conversion_id,
        sum({{ decay_weight('paths.touched_at', 'ends.last_touched_at') }}) as decay_weights
    from paths
    inner join ends on paths.conversion_id = ends.conversion_id
    group by paths.conversion_id

),

others as (

    select
        {%- for model, weights in models.items() %}
        {{ touches_without_role(weights) }} as {{ model }}_others,
        {%- endfor %}
        *
    from ends

),

weighed as (

    select
        {%- for model, weights in models.items() %}
        {{ weight_of_roles(weights, model ~ '_others') }} as {{ model }}_weight,
        {%- endfor %}
        *
    from others

),

credited as (

    select
        paths.conversion_id,
        paths.value_reporting,
        paths.touch_id,
        paths.channel,
        paths.campaign,
        paths.touch_number - weighed.first_number + 1 as position,
        paths.touch_number = weighed.last_number as is_last,
        {%- for model, weights in models.items() %}
        {{ role_credit(weights, 'paths.touch_number', 'weighed', model) }} as {{ model }}_credit,
        {%- endfor %}
        cast({{ decay_weight('paths.touched_at', 'weighed.last_touched_at') }} as double)
        / cast(decays.decay_weights as double) as time_decay_credit
    from paths
    inner join weighed on paths.conversion_id = weighed.conversion_id
    inner join decays on paths.conversion_id = decays.conversion_id

),

-- Whole cents, rounded down; what is then missing to the value goes to the last touch.
rounded as (

    select
        conversion_id,
        value_reporting,
        touch_id,
        channel,
        campaign,
        position,
        {%- for model in attribution_models() %}
        {{ model }}_credit,
        {{ whole_cents('value_reporting', model ~ '_credit') }} as {{ model }}_value,
        {%- endfor %}
        is_last
    from credited

),

residuals as (

    select
        {%- for model in attribution_models() %}
        max(value_reporting) - sum({{ model }}_value) as {{ model }}_residual,
        {%- endfor %}
        conversion_id
    from rounded
    group by conversion_id

),

shares as (

    select
        rounded.conversion_id,
        rounded.touch_id,
        rounded.channel,
        rounded.campaign,
        {%- for model in attribution_models() %}
        rounded.{{ model }}_credit,
        rounded.{{ model }}_value
        + case when rounded.is_last then residuals.{{ model }}_residual else 0 end as {{ model }}_value,
        {%- endfor %}
        rounded.position
    from rounded
    inner join residuals on rounded.conversion_id = residuals.conversion_id

),

final as (

    select
        conversions.conversion_id,
        shares.touch_id,
        coalesce(shares.channel, 'unattributed') as channel,
        {{ or_none('shares.campaign') }} as campaign,
        conversions.converted_date,
        conversions.conversion_type,
        {%- for model in attribution_models() %}
        cast(coalesce(shares.{{ model }}_credit, 1) as double) as {{ model }}_credit,
        cast(coalesce(shares.{{ model }}_value, conversions.value_reporting) as decimal(18, 2)) as {{ model }}_value,
        {%- endfor %}
        {%- if 'custom' not in models %}
        {{ typed_null('double') }} as custom_credit,
        {{ typed_null('decimal(18, 2)') }} as custom_value,
        {%- endif %}
        cast(coalesce(shares.position, 1) as integer) as position
    from conversions
    left join shares on conversions.conversion_id = shares.conversion_id

)

select * from final
