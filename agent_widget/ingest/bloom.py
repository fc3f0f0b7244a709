"""A set of which it is known of most things that they are not in it, in little memory.

Nearly all that is looked for in an archive while a home is read for the first time is new. A filter (Bloom, *Space/time
trade-offs in hash coding with allowable errors*, 1970) says so without asking the disk. It knows what this process has
put into it, so it serves an archive that was empty when it was opened.
"""

from __future__ import annotations

from typing import Final

_BITS: Final = 2**24
"""Bits of a filter (2 MiB): of things that are not in it it lets through 1 in 1,800 when 200,000 are, 1 in 80 when a
million are."""
_MASK: Final = _BITS - 1


class Filter:
    """Hashes (of 61 bits, as :func:`hash` has them) of the things that are in a set."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def add(self, number: int) -> bool:
        """Put a hash into the set; return whether it may have been there before."""
        bits = self._bits
        one, two = number & _MASK, number >> 32 & _MASK
        one_bit, two_bit = 1 << (one & 7), 1 << (two & 7)
        if bits[one >> 3] & one_bit and bits[two >> 3] & two_bit:
            return True
        bits[one >> 3] |= one_bit
        bits[two >> 3] |= two_bit
        return False

    def may_have(self, number: int) -> bool:
        """Return whether a hash may be in the set; ``False`` is certain."""
        bits = self._bits
        place = number & _MASK
        if not bits[place >> 3] >> (place & 7) & 1:  # of what is new mostly the first bit says so
            return False
        place = number >> 32 & _MASK
        return bool(bits[place >> 3] >> (place & 7) & 1)
