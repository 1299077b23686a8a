with

sessions as (

    select * from {{ ref('stg_airbnb__sessions') }}

),

aggregated as (

    select
        user_id,
        count(*) as number_of_actions_taken,
        count(distinct action_type) as number_of_unique_actions,
        avg(seconds_elapsed)::numeric(12, 2) as avg_session_time_seconds,
        min(seconds_elapsed) as min_session_time_seconds,
        max(seconds_elapsed) as max_session_time_seconds,
        count(*) filter (where is_booking_request) as total_bookings

    from sessions
    where user_id is not null
    group by user_id

)

select * from aggregated
