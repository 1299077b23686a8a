{#-
    The graph is known only when dbt executes; before that, `ref` alone lets dbt know what depends on what.
    A node is found by its relation, because a name may stand for several versions or packages.
-#}
{% macro synthetic_ref() %}

    {%- set else_real = kwargs.pop('else_real', false) -%}
    {%- set relation = builtins.ref(*varargs, **kwargs) -%}
    {%- set schema = (var('synth', none) or {}).get('schema', 'synthetic') -%}

    {%- if not execute or not var('synth_use_twins', false) or relation.schema == schema -%}
        {{ return(relation) }}
    {%- endif -%}

    {%- for node in graph.nodes.values()
        if node.resource_type in ['model', 'seed', 'snapshot']
        and node.schema == relation.schema and node.alias == relation.identifier -%}
        {%- if node.config.get('meta', {}).get('synthesize') | string | lower == 'true' -%}
            {{ return(api.Relation.create(database=relation.database, schema=schema, identifier=relation.identifier)) }}
        {%- endif -%}
    {%- endfor -%}

    {%- if not else_real -%}
        {{ exceptions.raise_compiler_error(
            'synthetic_ref: ' ~ varargs[-1] ~ ' has no twin; tag it with `meta: {synthesize: true}`, or pass else_real=true'
        ) }}
    {%- endif -%}
    {{ return(relation) }}

{% endmacro %}
