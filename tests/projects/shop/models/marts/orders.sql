with

orders as (

    select * from {{ ref('stg_shop__orders') }}

),

order_totals as (

    select * from {{ ref('int_order_items_summed_to_orders') }}

),

joined as (

    select
        orders.order_id,
        orders.customer_id,
        orders.status,
        orders.payment_method,
        order_totals.number_of_items,
        order_totals.total_amount,
        orders.ordered_at

    from orders
    inner join order_totals
        on orders.order_id = order_totals.order_id

)

select * from joined
