select
    id as member_id,
    full_name,
    email,
    birth_year,
    home_station_id,
    joined_on
from {{ ref('raw_members') }}
