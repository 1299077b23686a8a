with

source as (

    select * from {{ ref('raw_customers') }}

),

renamed as (

    select
        id as customer_id,
        first_name,
        last_name,
        email,
        phone,
        city,
        is_subscriber,
        joined_on as joined_date

    from source

)

select * from renamed
