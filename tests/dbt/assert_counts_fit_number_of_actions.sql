-- Every booking request and every type of action stands for at least one of the user's actions.
select user_id
from {{ ref('session_features_by_user') }}
where
    total_bookings > number_of_actions_taken
    or number_of_unique_actions > number_of_actions_taken
    or number_of_actions_taken < 1
