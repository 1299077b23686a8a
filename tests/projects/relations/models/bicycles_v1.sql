select
    id as bicycle_id,
    kind,
    bought_on,
    kilometres
from {{ ref('raw_bicycles') }}
