with

users as (

    select * from {{ ref('stg_airbnb__users') }}

),

user_sessions as (

    select * from {{ ref('int_sessions_aggregated_to_users') }}

),

joined as (

    select
        users.user_id,
        users.gender,
        users.age,
        users.language,
        users.signup_method,
        users.date_account_created,
        user_sessions.number_of_actions_taken,
        user_sessions.number_of_unique_actions,
        user_sessions.avg_session_time_seconds,
        user_sessions.min_session_time_seconds,
        user_sessions.max_session_time_seconds,
        user_sessions.total_bookings

    from users
    inner join user_sessions
        on users.user_id = user_sessions.user_id

)

select * from joined
