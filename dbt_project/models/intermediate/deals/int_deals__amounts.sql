-- The amounts each deal has had, in order, in its own currency. Without history: the present amount since it was
-- created.
with

deals as (

    select
        deal_id,
        amount,
        created_at
    from {{ ref('int_deals__records') }}

),

history as (

    select
        deal_id,
        {{ dbt.safe_cast('value', 'decimal(18, 2)') }} as amount,
        changed_at
    from {{ ref('int_deals__history') }}
    where property = 'amount'

),

changes as (

    select
        deal_id,
        amount,
        changed_at
    from history
    union all
    select
        deal_id,
        amount,
        created_at as changed_at
    from deals
    where deal_id not in (select history.deal_id from history)

)

select
    deal_id,
    amount,
    changed_at as valid_from,
    lead(changed_at) over (partition by deal_id order by changed_at, amount) as valid_to,
    row_number() over (partition by deal_id order by changed_at, amount) as amount_number
from changes
