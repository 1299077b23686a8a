"""Keys of a parent that is made again change alike in all twins that hold them."""

from __future__ import annotations

import pyarrow as pa

from synth.twins.across import former_places


def test_a_key_has_one_place_whatever_other_keys_stand_beside_it() -> None:
    parents = pa.chunked_array([["d", "a", "c"], ["b"]])
    one, other = pa.array(["a", "b", "x"]), pa.array(["b", "d", "a"])
    assert former_places(one, parents).tolist() == [1, 3, 4]
    assert former_places(other, parents).tolist() == [3, 0, 1]
    assert former_places(other, None).tolist() == [0, 1, 2]
