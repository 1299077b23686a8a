{% test versions_follow_each_other(model, key) %}
{# Of each key, a version begins where the one before it ends, and none but the last is open. #}
select *
from (
    select
        {{ key }},
        dbt_valid_from,
        dbt_valid_to,
        lead(dbt_valid_from) over (partition by {{ key }} order by dbt_valid_from) as next_from
    from {{ model }}
) as versions
where dbt_valid_from >= dbt_valid_to or dbt_valid_to is distinct from coalesce(next_from, dbt_valid_to)
{% endtest %}
