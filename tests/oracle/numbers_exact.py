"""Exact numbers: parsing, printing, and what the exchange can hold."""

from fractions import Fraction

INCREMENT = Fraction(1, 10**8)
MAX_SCALE = 28
MANTISSA_LIMIT = 2**96


class NotExact(Exception):
    """A result that the exchange cannot hold without rounding."""


def scale_of(value):
    """Digits after the point that write `value` fully; None if none suffices up to 40."""
    power = 1
    for scale in range(41):
        if power % value.denominator == 0:
            return scale
        power *= 10
    return None


def exact(value):
    """`value` itself, if it is m / 10^s with |m| < 2^96 and 0 <= s <= 28."""
    scale = scale_of(value)
    if scale is None or scale > MAX_SCALE or abs(value * 10**scale) >= MANTISSA_LIMIT:
        raise NotExact(value)
    return value


def text(value):
    """Plain decimal digits without trailing zeros."""
    scale = scale_of(value)
    if scale is None:
        raise ValueError(f"{value} has no finite decimal form")
    digits = str(abs(int(value * 10**scale)))
    if scale:
        digits = digits.rjust(scale + 1, "0")
        digits = f"{digits[:-scale]}.{digits[-scale:]}"
    return f"-{digits}" if value < 0 else digits


def round8(value):
    """To 8 decimals, half away from zero."""
    steps = abs(value) / INCREMENT
    rounded = (steps + Fraction(1, 2)).__floor__() * INCREMENT
    return -rounded if value < 0 else rounded


def floor8(value):
    """Down to a multiple of 1e-8; `value` is not negative."""
    return (value / INCREMENT).__floor__() * INCREMENT
