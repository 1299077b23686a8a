{{ config(materialized='ephemeral') }}

select member_id, plan, fee, changed_at
from (
    select distinct on (member_id) member_id, plan, fee, changed_at
    from {{ ref('raw_plan_changes') }}
    where changed_at < '{{ var("as_of") }}'
    order by member_id, changed_at desc
) as newest
where plan is not null
