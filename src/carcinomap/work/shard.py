"""A part of the work: ``3/8`` is every eighth piece of it, from the third on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from carcinomap.errors import InputError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """One of several parts.

    Attributes:
        number: Which one, from 1.
        count: How many there are.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``number/count``.

        Raises:
            InputError: It is not written so, or there is no such part.
        """
        number, slash, count = text.partition("/")
        if not (slash and number.isdecimal() and count.isdecimal()):
            raise InputError(f"--shard {text}: write it as 3/8, the third of eight parts")
        if not 1 <= int(number) <= int(count):
            raise InputError(f"--shard {text}: parts are counted from 1 to {count}")
        return cls(int(number), int(count))

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Return this part of the items; each is in one part."""
        return list(items[self.number - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def suffix(self) -> str:
        """What tells its files from those of the other parts."""
        return f"-{self.number}-of-{self.count}"
