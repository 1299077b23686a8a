select * from {{ ref('raw_online_shoppers') }}
