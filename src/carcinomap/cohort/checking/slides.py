"""Check one slide and its annotation: open both, look at both, never give up on the rest."""

from dataclasses import dataclass, field, replace

from carcinomap.annotation import ClassScheme, LabelImage
from carcinomap.cohort.case import Case
from carcinomap.cohort.checking.annotations import AnnotatedSlide
from carcinomap.cohort.finding import Finding, Severity
from carcinomap.cohort.frame import frame_of
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.slide import Slide, TissueMask, find_tissue, open_slide

COARSE_MPP = 4.0
"""Microns per pixel from which on nuclei cannot be seen, and classes hardly be told apart."""

_SIDE = 256
_PLACES = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
_FAULTS = (CarcinomapError, OSError)


@dataclass
class CheckedSlide:
    """What checking one slide brought.

    Attributes:
        case: The slide, with its annotation.
        findings: What there is to say.
        labels: Labels of the annotation, each with the number of its regions.
        areas: Outlined area of each class in px²; None without an annotation that can be read.
        mpp: Microns per pixel, where that is known.
    """

    case: Case
    findings: list[Finding] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    areas: dict[str, float] | None = None
    mpp: float | None = None

    def area_mm2(self, name: str) -> float:
        """Return the outlined area of a class; 0 where it cannot be known."""
        return (self.areas or {}).get(name, 0.0) * (self.mpp or 0.0) ** 2 / 1e6

    def tell(self, severity: Severity, kind: str, message: str, of_slide: bool = True) -> None:
        """Add a finding, about the slide's file or else the annotation's."""
        file = self.case.slide if of_slide else self.case.annotation
        self.findings.append(Finding(severity, kind, message, self.case.name, file))


def check_slide(case: Case, scheme: ClassScheme) -> CheckedSlide:
    """Open a slide, read from every level, look for tissue, and check its annotation.

    Whatever is wrong becomes a finding. A slide that does not know its mpp is read all the same.
    """
    checked = CheckedSlide(case)
    mpp_known = True
    try:
        slide = case.open_slide()
    except _FAULTS as fault:
        try:  # if it opens with an mpp, only that is wrong with it
            slide = open_slide(case.slide, 1.0)
        except _FAULTS:
            checked.tell("error", "unreadable slide", str(fault))
            return checked
        checked.tell("error", "mpp", str(fault))
        mpp_known = False
    with slide:
        tissue = _look(checked, slide, mpp_known)
        _check_annotation(checked, slide, scheme, mpp_known, tissue)
    return checked


def read_every_level(slide: Slide) -> None:
    """Decode a piece of the middle and of every corner of every level.

    Some broken files fail only there.

    Raises:
        InputError: The pixels cannot be decoded.
    """
    for level in slide.levels:
        mpp = slide.mpp * level.downsample
        width, height = min(_SIDE, level.width), min(_SIDE, level.height)
        for across, down in _PLACES:
            x = across * (level.width - width) * level.downsample
            y = down * (level.height - height) * level.downsample
            slide.read(x, y, width, height, mpp)


def _look(checked: CheckedSlide, slide: Slide, mpp_known: bool) -> TissueMask | None:
    """Read pixels of the slide; return its tissue, where that can be found."""
    try:
        read_every_level(slide)
        tissue = find_tissue(slide) if mpp_known else None
    except _FAULTS as fault:
        checked.tell("error", "unreadable slide", str(fault))
        return None
    if mpp_known and slide.mpp > COARSE_MPP:
        coarse = f"{slide.path}: {slide.mpp:.3g} µm per pixel, too coarse to tell tissue apart"
        checked.tell("warning", "coarse", coarse)
    if tissue is not None and not tissue.mask.any():
        checked.tell("warning", "no tissue", f"{slide.path}: there is no tissue to be found")
    return tissue


def _check_annotation(
    checked: CheckedSlide,
    slide: Slide,
    scheme: ClassScheme,
    mpp_known: bool,
    tissue: TissueMask | None,
) -> None:
    case = checked.case
    if case.annotation is None:
        return
    frame = frame_of(slide, mpp_known)
    try:
        annotations = case.read_annotation_file(case.annotation, frame)
    except _FAULTS as fault:
        checked.tell("error", "unreadable annotation", str(fault), of_slide=False)
        return
    checked.mpp = frame.mpp
    checked.labels = {} if isinstance(annotations, LabelImage) else annotations.labels()
    downsamples = tuple(level.downsample for level in slide.levels)
    annotated = AnnotatedSlide(annotations, scheme, frame, downsamples, tissue)
    try:
        checked.areas = annotations.areas(replace(scheme, unknown="ignore"))
        for severity, kind, said in annotated.remarks():
            checked.tell(severity, kind, f"{case.annotation}: {said}", of_slide=False)
        if isinstance(annotations, LabelImage):
            annotations.check(scheme)
    except InputError as fault:  # of pixels, which are read only by and by
        checked.tell("error", "label image", str(fault), of_slide=False)
