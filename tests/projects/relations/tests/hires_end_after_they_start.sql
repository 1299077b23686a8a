select * from {{ ref('hires') }} where ended_at <= started_at
