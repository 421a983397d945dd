"""The curve of Ed25519 (RFC 8032, 5.1), as far as a public key is judged by it: is it a point, and of which order.

Public values only, so nothing here has to take the same time for all of them.
"""

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the subgroup in which every key lies that RFC 8032 makes."""
_D = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME
_ROOT_OF_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)

Point = tuple[int, int, int, int]
"""Extended coordinates: x and y over z, and x times y over z."""
_NEUTRAL: Point = (0, 1, 1, 0)


def decoded(content: bytes) -> Point | None:
    """The point of its 32 bytes; None where they are none, or not the one way to write it (RFC 8032, 5.1.3)."""
    number = int.from_bytes(content, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    if len(content) != 32 or y >= PRIME:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, PRIME - 2, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * _ROOT_OF_MINUS_ONE % PRIME
    if (x * x - square) % PRIME or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = PRIME - x
    return x, y, 1, x * y % PRIME


def is_neutral(point: Point) -> bool:
    """Whether it is the neutral element."""
    x, y, z, _ = point
    return x == 0 and (y - z) % PRIME == 0


def times(count: int, point: Point) -> Point:
    """The point added to itself so many times."""
    result = _NEUTRAL
    for bit in f"{count:b}":
        result = _twice(result)
        if bit == "1":
            result = _sum(result, point)
    return result


def _twice(point: Point) -> Point:
    """RFC 8032, 5.1.4."""
    x, y, z, _ = point
    a, b = x * x % PRIME, y * y % PRIME
    h, g = a + b, a - b
    e, f = h - (x + y) ** 2 % PRIME, 2 * z * z % PRIME + g
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def _sum(one: Point, other: Point) -> Point:
    """RFC 8032, 5.1.4; complete: it holds for any two points."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a, b = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
    c, d = 2 * t1 * t2 % PRIME * _D, 2 * z1 * z2
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME
