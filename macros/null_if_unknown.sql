{% macro null_if_unknown(column) -%}
    nullif(nullif({{ column }}, '-unknown-'), '')
{%- endmacro %}
