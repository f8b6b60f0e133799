-- Each row of Salesforce's history holds everything as it was after a change of anything: of stage and amount, only
-- what differs from the row before is a change. Of changes within one second the last one counts.
with

source as (

    {{ latest_records('salesforce', 'opportunity_history', ['opportunity_id', 'history_id']) }}

),

ranked as (

    select
        opportunity_id,
        stage,
        amount,
        created_at,
        row_number() over (partition by opportunity_id, created_at order by history_id desc) as recency
    from source

),

compared as (

    select
        opportunity_id,
        stage,
        cast(amount as decimal(18, 2)) as amount,
        created_at,
        lag(stage) over (partition by opportunity_id order by created_at) as stage_before,
        lag(cast(amount as decimal(18, 2))) over (partition by opportunity_id order by created_at) as amount_before
    from ranked
    where recency = 1

),

changes as (

    select
        opportunity_id,
        'stage' as property,
        stage as value,
        created_at
    from compared
    where stage is distinct from stage_before
    union all
    select
        opportunity_id,
        'amount' as property,
        cast(amount as varchar) as value,
        created_at
    from compared
    where amount is distinct from amount_before

)

select
    -- ids
    'deal' as object_type,
    {{ record_id('salesforce', 'opportunity_id') }} as object_id,

    -- strings
    property,
    value,

    -- timestamps
    {{ utc_timestamp('created_at') }} as changed_at
from changes
