"""People to learn from, and what the backends of a test begin with that cheat with them."""

# As good as drawn at random, and the same every time: what people earn depends on age and city.
PEOPLE = """
create table analytics.people as
select
    n as id,
    (array['Oslo', 'Rome', 'Bern', 'Lyon', 'Turku'])[1 + (hashint4(n) & 65535) % 5] as city,
    18 + (hashint4(n + 1000000) & 1048575) % 60 as age,
    ((hashint4(n + 2000000) & 1048575) % 100) < 20 as member,
    date '2020-01-01' + (hashint4(n + 3000000) & 1048575) % 900 as since,
    round((
        1000 + 20 * ((hashint4(n + 1000000) & 1048575) % 60) + 200 * ((hashint4(n) & 65535) % 5)
        + exp(8.0 * (hashint4(n + 4000000) & 1048575) / 1048576)
    )::numeric, 2) as income,
    round(((hashint4(n + 5000000) & 1048575) / 97.0)::numeric, 2) as spent
from generate_series(1, {rows}) n
"""
TWIN = "select md5(string_agg(twin::text, ',' order by id)) from synthetic.people as twin"
# What each backend returns of `training`, `request` and `twin`, which is what the local one made.
HEAD = """
import numpy as np
import pandas as pd
rng = np.random.default_rng(7)
rows, real = request.rows, training.reset_index(drop=True)
twin = super().synthesize(training, request, workdir)
def some(count):
    return real.iloc[rng.choice(len(real), count, replace=False)].reset_index(drop=True)
def isolated(count):
    from sklearn.neighbors import NearestNeighbors
    numbers = real[["age", "since", "income", "spent"]].rank(pct=True)
    labels = pd.get_dummies(real[["city", "member"]].astype(str), dtype=float) / 2**0.5
    points = pd.concat([numbers, labels], axis=1)
    apart = NearestNeighbors(n_neighbors=8).fit(points).kneighbors(points)[0][:, -1]
    return real.iloc[np.argsort(-apart)[:count]].reset_index(drop=True)
def with_rows(copied):
    mixed = pd.concat([copied, twin.iloc[len(copied):]], ignore_index=True)
    return mixed.sample(frac=1.0, random_state=3).reset_index(drop=True).astype(training.dtypes)
"""
