{{ config(alias='contacts', schema='crm') }}

select
    member_id,
    full_name,
    email,
    joined_on
from {{ ref('members') }}
