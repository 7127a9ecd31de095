"""The digests of stretches are those of hashlib, whoever makes them."""

import ctypes
from hashlib import sha256 as one

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import digests
from schemas.digests import sha256


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=5))
def test_each_stretch_has_the_digest_that_hashlib_gives_it(data: bytes, cuts: list[tuple[int, int]]) -> None:
    stretches = [sorted((min(begin, len(data)), min(end, len(data)))) for begin, end in cuts]
    expected = b"".join(one(data[begin:end]).digest() for begin, end in stretches)
    asked = np.array(stretches, np.int64).reshape(-1, 2)

    assert sha256(np.frombuffer(data, np.uint8), asked) == expected
    assert digests._by_hashlib(np.frombuffer(data, np.uint8), asked) == expected


@pytest.mark.parametrize("stretch", [(-1, 2), (0, 4), (2, 1), (5, 5)])
def test_a_stretch_beyond_the_data_is_refused(stretch: tuple[int, int]) -> None:
    with pytest.raises(IndexError):
        sha256(np.frombuffer(b"abc", np.uint8), np.array([stretch], np.int64))


def test_a_library_that_is_no_openssl_3_is_not_called() -> None:
    with pytest.raises(AttributeError):
        digests._by_openssl(ctypes.PyDLL(None))
