-- The mean of a user's session times lies between the smallest and the largest, and all three are known or none.
select user_id
from {{ ref('session_features_by_user') }}
where
    avg_session_time_seconds not between min_session_time_seconds
    and max_session_time_seconds
    or num_nulls(
        avg_session_time_seconds,
        min_session_time_seconds,
        max_session_time_seconds
    ) not in (0, 3)
