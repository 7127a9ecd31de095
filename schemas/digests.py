"""The SHA-256 of many stretches of the same bytes.

Python's hashlib makes an object for each and takes twice the time. Where Python stands on an OpenSSL 3 that others may
call, compiled code calls it for all of them, outside Python's global lock; elsewhere hashlib does it.
"""

import _hashlib
import ctypes
import hashlib
from collections.abc import Callable
from typing import Any, cast

import llvmlite.binding
import numpy as np
from numba import types

from schemas.kernels import BYTES, READ, TABLE, compiled

SIZE = 32
STEPS = ("EVP_DigestInit_ex", "EVP_DigestUpdate", "EVP_DigestFinal_ex")
"""See EVP_DigestInit(3ssl)."""
CALL = types.int32(types.intp, types.intp, types.intp)
BEGIN, UPDATE, FINISH = (cast(Any, types.ExternalFunction(name, CALL)) for name in STEPS)

Array = np.ndarray[Any, Any]


def sha256(data: Array, stretches: Array) -> bytes:
    """Returns the digests, 32 bytes each, one behind the other; `stretches` holds where each begins and ends.

    Raises IndexError when one does not lie in the data.
    """
    if not within(stretches, len(data)):
        raise IndexError("a stretch beyond the data")
    return _made(data, np.ascontiguousarray(stretches, np.int64))


def within(stretches: Array, size: int) -> bool:
    """Returns True when each stretch begins and ends, in this order, in so many bytes."""
    if not len(stretches):
        return True
    ordered = (stretches[:, 0] <= stretches[:, 1]).all()
    return bool(ordered and stretches.min() >= 0 and stretches.max() <= size)


def _by_hashlib(data: Array, stretches: Array) -> bytes:
    content = data.tobytes()
    return b"".join(hashlib.sha256(content[begin:end]).digest() for begin, end in stretches.tolist())


def _each(data, stretches, context, algorithm, out):  # type: ignore[no-untyped-def]
    """Writes the digests one behind the other; False when OpenSSL fails at one. For compiled code."""
    good = 1
    for row in range(stretches.shape[0]):
        first, size = stretches[row, 0], stretches[row, 1] - stretches[row, 0]
        good &= BEGIN(context, algorithm, 0)
        good &= UPDATE(context, data.ctypes.data + first, size)
        good &= FINISH(context, out.ctypes.data + SIZE * row, 0)
    return good == 1


def _by_openssl(library: ctypes.CDLL) -> Callable[[Array, Array], bytes]:
    """Returns what calls this OpenSSL; raises AttributeError when it is none, or older than 3."""
    address = ctypes.c_void_p
    for name in STEPS:
        llvmlite.binding.add_symbol(name, ctypes.cast(getattr(library, name), address).value)
    fetch, new, free = library.EVP_MD_fetch, library.EVP_MD_CTX_new, library.EVP_MD_CTX_free
    fetch.restype = new.restype = address
    fetch.argtypes, new.argtypes, free.argtypes = [address, ctypes.c_char_p, ctypes.c_char_p], [], [address]
    algorithm = fetch(None, b"SHA256", None)
    if not algorithm:
        raise AttributeError("no SHA-256")
    each = compiled(types.boolean, READ, TABLE, types.intp, types.intp, BYTES)(_each)

    def made(data: Array, stretches: Array) -> bytes:
        out = np.empty(SIZE * len(stretches), np.uint8)
        context = new()
        try:
            if not each(data, stretches, context, algorithm, out):
                raise RuntimeError("OpenSSL made no digest")
        finally:
            free(context)
        return out.tobytes()

    return made


try:
    _made = _by_openssl(ctypes.CDLL(_hashlib.__file__))
except (AttributeError, OSError):
    _made = _by_hashlib
