with

source as (

    select * from {{ source('airbnb', 'sessions') }}

),

renamed as (

    select
        -- ids
        user_id,

        -- strings
        {{ null_if_unknown('action') }} as action,
        {{ null_if_unknown('action_type') }} as action_type,
        {{ null_if_unknown('action_detail') }} as action_detail,
        {{ null_if_unknown('device_type') }} as device_type,

        -- numerics
        secs_elapsed::integer as seconds_elapsed,

        -- booleans
        coalesce(action_type = 'booking_request', false) as is_booking_request

    from source

)

select * from renamed
