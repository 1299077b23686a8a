select
    language,
    count(*) as users,
    sum(total_bookings)::bigint as bookings
from {{ ref('session_features_by_user') }}
group by language
