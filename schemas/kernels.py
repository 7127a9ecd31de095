"""What is done to every byte of many records: Python that numba makes machine code of, once for each machine.

Numbers and arrays go in, numbers come out. Nothing checks an index but the code here: each is held against where its
record ends before it is used, and is unsigned then (numba would count a negative one from the end). The tests run it
with NUMBA_BOUNDSCHECK=1, too. All of it stands in one file, as what was compiled is kept until the time of that file
changes: nothing here may depend on code elsewhere.
"""

from collections.abc import Callable
from typing import Any

from numba import int64, njit, types, uint8, uint64

READ = types.Array(types.uint8, 1, "C", readonly=True)
BYTES = types.Array(types.uint8, 1, "C")
TABLE = types.Array(types.int64, 2, "C")
NUMBERS = types.Array(types.int64, 1, "C")

SEALED_AT, KEY_AT, KEY_END, VALUE_AT, VALUE_END, END = range(6)
"""What `scan` says of a record: where what its digest is over begins (the key's length), its key and its value lie, and
its headers end, which begin behind the value."""
TEXT, BLOB, INT, LONG, MOMENT, BOOLEAN, ENUM, OPTION, MANY, NEXT = range(10)
"""What a step of a program reads, see `rows`."""
DONE, REFUSED, FULL = range(3)
"""Why `rows` came back."""
DIGEST_BYTES = 32
PLACE_BYTES = 20
NESTED_MAX = 8


def compiled(result: Any, *given: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns what compiles a function for these types, at once; it runs outside Python's global lock.

    What was compiled is kept beside this file, or in the user's cache; where neither can be written, it is compiled
    for each process: that takes some seconds.
    """

    def made(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(result(*given), nogil=True, cache=True)(function)  # type: ignore[no-any-return]
        except RuntimeError as error:
            if "no locator" not in str(error):
                raise
            return njit(result(*given), nogil=True)(function)  # type: ignore[no-any-return]

    return made


part = njit(nogil=True)


@part
def _number(data, at, end):  # type: ignore[no-untyped-def]
    """Returns the number of up to 64 bits at `at`, and where it ends: -1 when it is none."""
    folded = uint64(0)
    shift = uint64(0)
    while at < end:
        byte = data[uint64(at)]
        at += 1
        folded |= uint64(byte & 0x7F) << shift
        if byte < 0x80:
            if shift == 63 and byte > 1:
                break
            return int64(folded >> uint64(1)) ^ -int64(folded & uint64(1)), at
        shift += uint64(7)
        if shift > 63:
            break
    return int64(0), int64(-1)


@part
def _same(data, at, end, other, begin, size):  # type: ignore[no-untyped-def]
    """Returns True when the bytes from `at` on, which must not reach beyond `end`, are these of the other."""
    if size > end - at:
        return False
    difference = uint8(0)
    for index in range(uint64(size)):
        difference |= data[uint64(at) + index] ^ other[uint64(begin) + index]
    return difference == 0


@compiled(types.boolean, READ, TABLE, TABLE)
def scan(data, batches, found):  # type: ignore[no-untyped-def]
    """Finds the records of batches, as many as `found` has rows; False when they are not there.

    `batches` says where the records of each begin and end, and how many they are. All of them have key and value, and
    offsets that follow one another.
    """
    row = 0
    for batch in range(batches.shape[0]):
        at, end = batches[batch, 0], batches[batch, 1]
        if batches[batch, 2] > found.shape[0] - row:
            return False
        for number in range(batches[batch, 2]):
            size, at = _number(data, at, end)
            if at < 0 or not 0 < size <= end - at:
                return False
            last = at + size
            _, at = _number(data, at + 1, last)  # behind the attributes: its time, less that of the batch
            if at < 0:
                return False
            offset, at = _number(data, at, last)
            if at < 0 or offset != number:
                return False
            found[row, SEALED_AT] = at
            size, at = _number(data, at, last)
            if at < 0 or not 0 <= size <= last - at:
                return False
            found[row, KEY_AT] = at
            at += size
            found[row, KEY_END] = at
            size, at = _number(data, at, last)
            if at < 0 or not 0 <= size < last - at:
                return False
            found[row, VALUE_AT] = at
            at += size
            found[row, VALUE_END] = at
            found[row, END] = at = last
            row += 1
        if at != end:
            return False
    return row == found.shape[0]


@compiled(types.boolean, READ, TABLE, READ, types.int64, READ, NUMBERS, BYTES)
def laid(data, found, prefix, value_max, same, cuts, digests):  # type: ignore[no-untyped-def]
    """Returns True when each record that `scan` found is laid out as our codec does it; copies their digests.

    That is: values begin with `prefix` and have at most `value_max` bytes, and their first two fields are what the
    first and third of the headers' values say (id and tenant). `same` are the stretches of the headers that are always
    the same, cut at `cuts`: between two of them lies a value, behind the last one the digest.
    """
    parts = cuts.shape[0] - 1
    for row in range(found.shape[0]):
        at, end = found[row, VALUE_AT], found[row, END]
        body = at + prefix.shape[0]
        last = found[row, VALUE_END]
        if last - at > value_max or body >= last:
            return False
        if not _same(data, at, last, prefix, 0, prefix.shape[0]):
            return False
        at = last
        for index in range(parts):
            size = cuts[index + 1] - cuts[index]
            if not _same(data, at, end, same, cuts[index], size):
                return False
            at += size
            if index < parts - 1:
                begin = at
                size, at = _number(data, at, end)
                if at < 0 or not 0 <= size <= end - at:
                    return False
                at += size
                if index == 0 or index == 2:
                    if not _same(data, body, last, data, begin, at - begin):
                        return False
                    body += at - begin
        if end - at != DIGEST_BYTES:
            return False
        for index in range(DIGEST_BYTES):
            digests[uint64(row * DIGEST_BYTES + index)] = data[uint64(at + index)]
    return True


@part
def _utf8(data, at, end):  # type: ignore[no-untyped-def]
    """Returns True when the bytes are UTF-8 (Unicode 15, table 3-7)."""
    while at < end:
        first = data[at]
        at += 1
        if first < 0x80:
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= first <= 0xDF:
            more = 1
        elif 0xE0 <= first <= 0xEF:
            more = 2
            if first == 0xE0:
                low = 0xA0
            elif first == 0xED:
                high = 0x9F
        elif 0xF0 <= first <= 0xF4:
            more = 3
            if first == 0xF0:
                low = 0x90
            elif first == 0xF4:
                high = 0x8F
        else:
            return False
        if more > end - at:
            return False
        for _ in range(more):
            if not low <= data[at] <= high:
                return False
            low, high = 0x80, 0xBF
            at += 1
    return True


@part
def _sized(out, to, size):  # type: ignore[no-untyped-def]
    """Writes a size as ClickHouse does (LEB128), and returns where it ends."""
    while size > 0x7F:
        out[to] = uint8(size & 0x7F | 0x80)
        size >>= 7
        to += 1
    out[to] = uint8(size)
    return to + 1


@part
def _fixed(out, to, value, size):  # type: ignore[no-untyped-def]
    """Writes the lowest bytes of a number, the lowest first, and returns where they end."""
    for index in range(size):
        out[uint64(to + index)] = uint8(value >> (8 * index) & 0xFF)
    return to + size


@compiled(
    types.UniTuple(types.int64, 3),  # type: ignore[no-untyped-call]
    *(READ, TABLE, types.int64, TABLE, TABLE, READ, NUMBERS, types.int64, types.int64, BYTES, types.int64, NUMBERS),
)
def rows(data, spans, row, places, program, symbols, cuts, items_max, growth, out, to, begins):  # type: ignore[no-untyped-def]
    """Writes Avro bodies, which lie in `spans` of the data, as rows of ClickHouse's RowBinary.

    `program` has a step for each value of the schema, in its order, with two numbers: the least and the greatest of a
    moment; the first of an enum's `symbols` (as they are to be written, cut at `cuts`) and how many it has; behind
    which step an option ends; behind which the items of an array or map do. NEXT ends these and says where they begin.
    `growth` is how many bytes at most come of one. Behind each row stands its place: partition, offset and moment,
    from `places`.

    Begins with `row` at `to` of `out`, and returns how far it came with both and why: DONE, REFUSED at a body that our
    decoder may not take or that does not end where its span does, FULL. `begins` is told where each row begins.
    """
    waiting = [int64(0)] * NESTED_MAX
    steps = program.shape[0]
    while row < spans.shape[0]:
        at, end = spans[row, 0], spans[row, 1]
        if (end - at) * growth + PLACE_BYTES > out.shape[0] - to:
            return row, to, FULL
        begins[row] = begun = to
        left = items_max
        nested = 0
        step = 0
        while step < steps and at >= 0:
            kind = program[step, 0]
            step += 1
            if kind == TEXT or kind == BLOB:
                size, at = _number(data, at, end)
                if at < 0 or not 0 <= size <= end - at:
                    at = -1
                    break
                to = _sized(out, to, size)
                all_of_it = uint8(0)
                for index in range(uint64(size)):
                    byte = data[uint64(at) + index]
                    out[uint64(to) + index] = byte
                    all_of_it |= byte
                if kind == TEXT and all_of_it > 0x7F and not _utf8(data, at, at + size):
                    at = -1
                    break
                at += size
                to += size
            elif kind == LONG or kind == MOMENT:
                value, at = _number(data, at, end)
                if kind == MOMENT and not program[step - 1, 1] <= value <= program[step - 1, 2]:
                    at = -1
                    break
                to = _fixed(out, to, value, 8)
            elif kind == INT:
                begin = at
                value, at = _number(data, at, end)
                if at - begin > 5 or not -0x8000_0000 <= value <= 0x7FFF_FFFF:
                    at = -1
                    break
                to = _fixed(out, to, value, 4)
            elif kind == ENUM:
                value, at = _number(data, at, end)
                if not 0 <= value < program[step - 1, 2]:
                    at = -1
                    break
                symbol = program[step - 1, 1] + value
                for index in range(cuts[symbol], cuts[symbol + 1]):
                    out[to] = symbols[index]
                    to += 1
            elif kind == BOOLEAN or kind == OPTION:
                if at >= end:
                    at = -1
                    break
                byte = data[at]
                at += 1
                if kind == BOOLEAN:
                    if byte > 1:
                        at = -1
                        break
                    out[to] = byte
                elif byte == 0:
                    out[to] = 1
                    step = program[step - 1, 1]
                elif byte == 2:
                    out[to] = 0
                else:
                    at = -1
                    break
                to += 1
            elif kind == MANY:
                size, at = _number(data, at, end)
                left -= size
                if size < 0 or left < 0 or nested == NESTED_MAX:
                    at = -1
                    break
                to = _sized(out, to, size)
                if size:
                    waiting[nested] = size
                    nested += 1
                else:
                    step = program[step - 1, 1]
            else:
                waiting[nested - 1] -= 1
                if waiting[nested - 1]:
                    step = program[step - 1, 1]
                else:
                    size, at = _number(data, at, end)
                    if size:  # more of them, in a block of its own
                        at = -1
                        break
                    nested -= 1
        if at != end:
            return row, begun, REFUSED
        to = _fixed(out, to, places[row, 0], 4)
        to = _fixed(out, to, places[row, 1], 8)
        to = _fixed(out, to, places[row, 2], 8)
        row += 1
    return row, to, DONE


@part
def _digits(out, at, size, folded):  # type: ignore[no-untyped-def]
    """Returns the number with these hexadecimal digits, in small letters, behind its own."""
    for index in range(uint64(size)):
        character = uint64(out[uint64(at) + index])
        folded = folded << uint64(4) | (character & uint64(15)) + uint64(9) * (character >> uint64(6))
    return folded


@compiled(types.int64, BYTES, NUMBERS, types.Array(types.uint64, 2, "C"), NUMBERS, NUMBERS, NUMBERS)
def identified(out, begins, ids, tenants, firsts, slots):  # type: ignore[no-untyped-def]
    """Reads the first two texts of rows, a UUID and a tenant; the rows begin at `begins`, its last one is their end.

    `ids` are told the UUIDs as numbers that have their order, if they are in small letters; `tenants` which tenant it
    is, as they were met; `firsts` where each was met first. Returns how many tenants there are, -1 when an id has not
    36 bytes. `slots` have -1 in each place, a power of two of them, more than there are rows.
    """
    count = 0
    last = int64(-1)
    for row in range(begins.shape[0] - 1):
        at, end = begins[row], begins[row + 1]
        if end - at < 38 or out[uint64(at)] != 36:
            return -1
        ids[row, 0] = _digits(out, at + 15, 4, _digits(out, at + 10, 4, _digits(out, at + 1, 8, uint64(0))))
        ids[row, 1] = _digits(out, at + 25, 12, _digits(out, at + 20, 4, uint64(0)))
        at += 37
        size = int64(0)
        shift = int64(0)
        begin = at
        while at < end and shift < 35:
            byte = int64(out[uint64(at)])
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        size += at - begin
        if size > end - begin:
            return -1
        if last >= 0 and _same(out, begin, end, out, firsts[last], size):
            tenants[row] = last
            continue
        hashed = uint64(14695981039346656037)
        for index in range(size):
            hashed = (hashed ^ uint64(out[uint64(begin + index)])) * uint64(1099511628211)
        slot = int64(hashed & uint64(slots.shape[0] - 1))
        while slots[slot] >= 0 and not _same(out, begin, end, out, firsts[slots[slot]], size):
            slot = (slot + 1) & (slots.shape[0] - 1)
        if slots[slot] < 0:
            slots[slot] = count
            firsts[count] = begin
            count += 1
        tenants[row] = last = slots[slot]
    return count


@compiled(types.void, BYTES, NUMBERS, NUMBERS, BYTES)
def gathered(out, begins, order, target):  # type: ignore[no-untyped-def]
    """Copies rows to the target in this order; they begin at `begins`, its last one is their end."""
    to = 0
    for index in range(order.shape[0]):
        row = order[index]
        at = begins[row]
        size = begins[row + 1] - at
        for byte in range(uint64(size)):
            target[uint64(to) + byte] = out[uint64(at) + byte]
        to += size
