{{ config(materialized='ephemeral') }}

select
    id as hire_id,
    member_id,
    station_id,
    bicycle,
    started_at,
    ended_at,
    (ceil(extract(epoch from ended_at - started_at) / 900) * case bicycle when 'cargo' then 2 else 1 end)::numeric(8, 2) as price
from {{ ref('raw_hires') }}
