"""Which patches make up a batch, in which process: a function of the step alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch.utils.data import Sampler

from carcinomap.cohort import PatchKey, PatchSampler
from carcinomap.errors import InputError


@dataclass(frozen=True)
class Division:
    """How the patches of a step are divided over processes, and within each over time.

    The first part of all processes comes first, then the second part of all, so that the patches
    of a step are the same ones in any division.

    Attributes:
        batch: Patches of a step.
        processes: That train together.
        parts: In which a process computes its patches.

    Raises:
        InputError: The patches cannot be divided evenly.
    """

    batch: int
    processes: int = 1
    parts: int = 1

    def __post_init__(self) -> None:
        if self.batch % (self.processes * self.parts):
            raise InputError(
                f"--batch {self.batch}: cannot be divided evenly over {self.processes} devices "
                f"with {self.parts} parts each"
            )

    @property
    def size(self) -> int:
        """Patches of one part in one process."""
        return self.batch // (self.processes * self.parts)

    def samples(self, process: int, part: int) -> range:
        """Return which of a step's patches a process computes in one of its parts."""
        first = (part * self.processes + process) * self.size
        return range(first, first + self.size)


class KeyBatches(Sampler[list[PatchKey]]):
    """The batches of one process from the current step to the next validation.

    Args:
        sampler: Makes the keys.
        division: Of a step's patches.
        interval: Steps between two validations.
        now: Returns the current step and the number of this process.
    """

    def __init__(
        self,
        sampler: PatchSampler,
        division: Division,
        interval: int,
        now: Callable[[], tuple[int, int]],
    ) -> None:
        self.sampler = sampler
        self._division = division
        self._interval = interval
        self._now = now

        self._first = 0
        self._process = 0

    def __len__(self) -> int:
        return self._interval * self._division.parts

    def __iter__(self) -> Iterator[list[PatchKey]]:
        self._first, self._process = self._now()
        for index in range(len(self)):
            yield self[index]

    def __getitem__(self, index: int) -> list[PatchKey]:
        """Return the keys of one batch, counted from where the reading began."""
        steps, part = divmod(index, self._division.parts)
        return self.keys(self._first + steps, part)

    def keys(self, step: int, part: int) -> list[PatchKey]:
        """Return the keys of one part of a step of the training, of this process."""
        samples = self._division.samples(self._process, part)
        return [self.sampler.key(step, sample) for sample in samples]


class SharedBatches(Sampler[list[PatchKey]]):
    """Batches that are the same every time, of which each process has its share.

    Args:
        batches: All of them.
        share: Returns the number of this process, and how many there are.
    """

    def __init__(
        self, batches: Sequence[list[PatchKey]], share: Callable[[], tuple[int, int]]
    ) -> None:
        self._batches = batches
        self._share = share

    def __len__(self) -> int:
        return len(self._mine())

    def __iter__(self) -> Iterator[list[PatchKey]]:
        return iter(self._mine())

    def _mine(self) -> Sequence[list[PatchKey]]:
        process, processes = self._share()
        return self._batches[process::processes]
