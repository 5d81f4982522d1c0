"""Some of many records, and where the next ones begin."""

from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class Records(Sequence[T]):
    """A page: a sequence of records, and in `next` the cursor of the page after it, None on the last one."""

    def __init__(self, records: list[T], next: str | None) -> None:
        self._records = records
        self.next = next

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        return self._records[place]

    def __repr__(self) -> str:
        return f"Records({self._records!r}, next={self.next!r})"

    def __iter__(self) -> Iterator[T]:
        return iter(self._records)
