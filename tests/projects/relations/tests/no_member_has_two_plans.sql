select member_id from {{ ref('member_plans') }} where dbt_valid_to is null group by member_id having count(*) > 1
