with

source as (

    select * from {{ ref('raw_orders') }}

),

renamed as (

    select
        id as order_id,
        customer_id,
        status,
        payment_method,
        ordered_at

    from source

)

select * from renamed
