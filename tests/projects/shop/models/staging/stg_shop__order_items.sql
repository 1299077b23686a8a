with

source as (

    select * from {{ ref('raw_order_items') }}

),

renamed as (

    select
        id as order_item_id,
        order_id,
        product,
        quantity,
        unit_price,
        quantity * unit_price as amount

    from source

)

select * from renamed
