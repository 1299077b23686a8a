{{ config(materialized='materialized_view') }}

select
    member_id,
    count(*) as number_of_hires,
    sum(price) as total_price,
    max(started_at)::date as last_hired_on
from {{ ref('hires') }}
group by member_id
