select id as payment_id, hire_id, method, paid_on from {{ ref('raw_payments') }}
