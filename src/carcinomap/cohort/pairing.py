"""Which file annotates a slide: by its name first, then by what is in it.

``NAME.svs`` goes with ``NAME.xml``, ``NAME.svs.geojson``, ``NAME.asap.xml``, ``NAME_mask.png`` and
so on: what is left of both names without suffixes and such endings is the same. Where no name is
exactly that of the slide, one that differs in case, or by spaces around it, will do. Only files
that are up for a slide are looked into.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from carcinomap.annotation import ANNOTATION_SUFFIXES
from carcinomap.cohort.candidate import why_no_annotation
from carcinomap.cohort.case import Case
from carcinomap.cohort.finding import Finding
from carcinomap.cohort.names import bare_name, hint, loose
from carcinomap.errors import InputError, existing_file
from carcinomap.slide import is_own_output, is_slide_file, visible_files
from carcinomap.storage import AnyPath


class AnnotationFiles:
    """The files below some folders that may annotate slides.

    Args:
        folders: Where they lie, sub-folders included.
        slides: The slides that look for them, which are no annotations themselves.
    """

    def __init__(self, folders: Iterable[AnyPath], slides: Iterable[AnyPath]) -> None:
        slides = set(slides)
        found = dict.fromkeys(chain.from_iterable(map(visible_files, folders)))
        names = tuple(ANNOTATION_SUFFIXES)
        self._files = [f for f in found if f.name.lower().endswith(names) and f not in slides]
        self._exact: dict[str, list[AnyPath]] = defaultdict(list)
        self._loose: dict[str, list[AnyPath]] = defaultdict(list)
        others = (file for file in found.keys() - set(self._files) if is_slide_file(file))
        taken = {bare_name(slide) for slide in chain(slides, others)}
        for file in self._files:
            name = bare_name(file)
            self._exact[name].append(file)
            if name not in taken:
                self._loose[loose(name)].append(file)

    def of(self, slide: AnyPath) -> tuple[AnyPath | None, list[Finding]]:
        """Return the annotation of a slide, beside it or else elsewhere, and what to say of it.

        There is none where several could be it: a finding names them.
        """
        findings: list[Finding] = []
        name = bare_name(slide)
        for found in (self._exact.get(name, []), self._loose.get(loose(name), [])):
            beside = [file for file in found if file.parent == slide.parent]
            elsewhere = [file for file in found if file.parent != slide.parent]
            for near in (beside, elsewhere):
                fit = [file for file in near if _fits(file, slide, findings)]
                if len(fit) > 1:
                    both = ", ".join(map(str, fit))
                    message = f"{slide}: several annotations: {both}"
                    return None, [Finding("error", "several annotations", message, slide.stem)]
                if fit:
                    return fit[0], [*findings, *_other_letters(slide, fit[0])]
        return None, findings

    def unused(self, cases: Sequence[Case]) -> Iterator[Finding]:
        """Yield a warning for each annotation that belongs to none of the cases.

        The nearest name among the slides without annotation is told.
        """
        used = {case.annotation for case in cases}
        known = {loose(bare_name(case.slide)) for case in cases}
        bare = {bare_name(case.slide) for case in cases if case.annotation is None}
        for file in self._files:
            name = bare_name(file)
            if file in used or loose(name) in known:
                continue
            if not (is_own_output(file) or why_no_annotation(file)):
                message = f"{file}: an annotation of no slide of the cohort{hint(name, bare)}"
                yield Finding("warning", "unmatched annotation", message, file=file)


def _fits(file: AnyPath, slide: AnyPath, findings: list[Finding]) -> bool:
    """Say whether a file of the right name is an annotation; if not, note why."""
    if is_own_output(file):
        return False
    reason = why_no_annotation(file)
    if reason:
        message = f"{file}: passed over, {reason}"
        findings.append(Finding("note", "passed over", message, slide.stem, file))
    return not reason


def _other_letters(slide: AnyPath, file: AnyPath) -> Iterator[Finding]:
    if bare_name(file) != bare_name(slide):
        message = f"{file}: taken for {slide.name}, though the name is not quite the same"
        yield Finding("note", "name differs", message, slide.stem, file)


def slide_of(source: AnyPath, slides: Path | None = None) -> AnyPath | None:
    """Return the slide that has the name of an annotation, if there is one.

    Args:
        source: The annotation.
        slides: The slide itself, or the folder to look in; None looks beside the annotation.

    Raises:
        InputError: There are several, or ``slides`` is no file.
    """
    if slides is not None and not slides.is_dir():
        return existing_file(slides, "slide")
    near = visible_files(slides) if slides is not None else _beside(source)
    name = loose(bare_name(source))
    alike = (f for f in near if is_slide_file(f) and f != source and loose(bare_name(f)) == name)
    fitting = [file for file in alike if not is_own_output(file)]
    if len(fitting) > 1:
        both = ", ".join(map(str, fitting))
        raise InputError(f"{source}: several slides of that name ({both}); say which: --slides")
    return fitting[0] if fitting else None


def _beside(file: AnyPath) -> list[AnyPath]:
    """Return what lies in a file's folder; of one that is elsewhere, nobody looks."""
    return list[AnyPath](sorted(file.parent.iterdir())) if isinstance(file, Path) else []
