{{ config(materialized='view') }}

select
    hires.hire_id,
    hires.member_id,
    members.birth_year,
    members.joined_on,
    hires.bicycle,
    hires.started_at,
    hires.price
from {{ ref('hires') }} as hires
join {{ ref('members') }} as members on members.member_id = hires.member_id
