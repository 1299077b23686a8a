with

order_items as (

    select * from {{ ref('stg_shop__order_items') }}

),

summed as (

    select
        order_id,
        count(*) as number_of_items,
        sum(amount)::numeric(10, 2) as total_amount

    from order_items
    group by order_id

)

select * from summed
