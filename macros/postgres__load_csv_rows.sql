{% macro postgres__load_csv_rows(model, agate_table) %}

    {%- set columns = get_seed_column_quoted_csv(model, agate_table.column_names) -%}
    {%- set row = '(' ~ (['%s'] * (agate_table.column_names | length)) | join(',') ~ ')' -%}
    {%- set statements = [] -%}

    {%- for chunk in agate_table.rows | batch(1000) -%}
        {%- set bindings = [] -%}
        {%- for values in chunk -%}
            {%- do bindings.extend(values) -%}
        {%- endfor -%}
        {%- set sql -%}
            insert into {{ this.render() }} ({{ columns }}) values
            {{ ([row] * (chunk | length)) | join(',') }}
        {%- endset -%}
        {%- do adapter.add_query(sql, bindings=bindings, abridge_sql_log=True) -%}
        {%- do statements.append(sql) -%}
    {%- endfor -%}

    {{ return(statements[0]) }}

{% endmacro %}
