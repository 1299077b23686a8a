with

source as (

    select * from {{ source('airbnb', 'users') }}

),

renamed as (

    select
        -- ids
        id as user_id,

        -- strings
        {{ null_if_unknown('gender') }} as gender,
        {{ null_if_unknown('language') }} as language,
        {{ null_if_unknown('signup_method') }} as signup_method,
        {{ null_if_unknown('signup_app') }} as signup_app,
        {{ null_if_unknown('affiliate_channel') }} as affiliate_channel,
        {{ null_if_unknown('affiliate_provider') }} as affiliate_provider,
        {{ null_if_unknown('first_affiliate_tracked') }}
            as first_affiliate_tracked,
        {{ null_if_unknown('first_device_type') }} as first_device_type,
        {{ null_if_unknown('first_browser') }} as first_browser,
        nullif(country_destination, 'NDF') as country_destination,

        -- numerics
        -- years of birth and slips of the keyboard are not ages
        case when age between 14 and 110 then age::integer end as age,
        signup_flow,

        -- dates and timestamps
        date_account_created,
        date_first_booking,
        {{ compact_timestamp('timestamp_first_active') }} as first_active_at

    from source

)

select * from renamed
