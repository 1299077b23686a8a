select
    bicycle_id,
    kind,
    bought_on,
    kilometres,
    bought_on >= date '2022-01-01' as is_new
from {{ ref('bicycles', v=1) }}
