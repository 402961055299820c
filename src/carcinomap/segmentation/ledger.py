"""What became of every slide that was asked for."""

from carcinomap.segmentation.asked import Asked, Missing, SlideList
from carcinomap.segmentation.folder.manifest import SlideRun
from carcinomap.segmentation.one_slide import Segmentation
from carcinomap.segmentation.tasks import Mapped
from carcinomap.storage import AnyPath
from carcinomap.work import Outcome


class Ledger:
    """Keeps a few words on each slide, in the order asked for.

    Args:
        asked: What was asked for.
    """

    def __init__(self, asked: SlideList) -> None:
        self._slides = asked.slides
        self._missing = asked.missing
        self._ended: dict[int, Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        """Write down what became of a slide."""
        self._ended[outcome.index] = outcome

    @property
    def failures(self) -> tuple[Missing, ...]:
        """What failed, and why."""
        failed = [
            (self._slides[index].path, outcome.error)
            for index, outcome in sorted(self._ended.items())
            if outcome.error is not None
        ]
        return (*self._missing, *failed)

    @property
    def bare(self) -> tuple[str, ...]:
        """Names of the slides in which no tissue was found, of those mapped now."""
        mapped = ((index, outcome.result) for index, outcome in sorted(self._ended.items()))
        return tuple(self._slides[index].name for index, one in mapped if one and one.bare)

    def done(self, folder: AnyPath) -> tuple[Segmentation, ...]:
        """Return the results that are there, now or before."""
        return tuple(
            Segmentation(self._slides[index].name, folder, outcome.result.skipped)
            for index, outcome in sorted(self._ended.items())
            if outcome.error is None
        )

    @property
    def runs(self) -> list[SlideRun]:
        """The same for the record of the run, with those that were not come to."""
        missing = [
            SlideRun(str(path), path.stem, "failed", str(error)) for path, error in self._missing
        ]
        slides = [_run(one, self._ended.get(index)) for index, one in enumerate(self._slides)]
        return [*missing, *slides]


def _run(asked: Asked, outcome: Outcome | None) -> SlideRun:
    slide, name = str(asked.path), asked.name
    if outcome is None:
        return SlideRun(slide, name, "not done")
    mapped = outcome.result or Mapped(skipped=False)
    if outcome.error is None and mapped.skipped:
        return SlideRun(slide, name, "was there")
    return SlideRun(
        slide,
        name,
        "done" if outcome.error is None else "failed",
        None if outcome.error is None else str(outcome.error),
        round(outcome.seconds, 2),
        outcome.attempts,
        outcome.host,
        mapped.quickhash,
        mapped.version,
        mapped.resumed,
    )
