{#- A comment alone could be copied, and the ledger alone does not see that the table was replaced. -#}
{% test is_twin(model) %}

    select '{{ model }}' as relation, 'it is no twin made by synth' as problem
    where
        not exists (
            select from {{ api.Relation.create(model.database, model.schema, '_synth_runs') }}
            where relation = '{{ model.schema }}.{{ model.identifier }}' and published_at is not null
        )
        or coalesce(obj_description(to_regclass('{{ model }}'), 'pg_class'), '') not like 'Synthetic twin of %'

{% endtest %}

{% test twin_is_fresh(model, days=7) %}

    select '{{ model }}' as relation, max(published_at) as published_at
    from {{ api.Relation.create(model.database, model.schema, '_synth_runs') }}
    where relation = '{{ model.schema }}.{{ model.identifier }}'
    having coalesce(max(published_at), '-infinity') < now() - interval '{{ days }} days'

{% endtest %}
