{{ config(materialized='incremental', unique_key='hire_id') }}

select * from {{ ref('int_hires_priced') }}
{% if is_incremental() %}
where started_at > (select max(started_at) from {{ this }})
{% endif %}
