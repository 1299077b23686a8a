{#- Cast from text, not with to_timestamp: that one reads the digits in the session's time zone. -#}
{% macro compact_timestamp(column) -%}
    overlay(cast({{ column }} as text) placing 'T' from 9 for 0)::timestamp
{%- endmacro %}
