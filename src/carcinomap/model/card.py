"""The model card: what a model is, what it learned from, how good it is, and what that is worth.

All of it stands in the model file, which may come from anywhere: nothing in it is trusted to be
there, to be short, or to be harmless on a terminal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carcinomap.model.spec import ModelSpec

LETTERS = 120  # of one text
ENTRIES = 24  # of one list
FEW_PATIENTS = 5


@dataclass(frozen=True)
class Section:
    """A part of the card.

    Attributes:
        title: Its heading.
        rows: What is told, and what there is to tell: both fit for a terminal.
    """

    title: str
    rows: tuple[tuple[str, str], ...]


def card(
    spec: ModelSpec, fingerprint: str, defaults: Mapping[str, Any] | None = None
) -> tuple[Section, ...]:
    """Return the card of a model; sections about which nothing is known are left out.

    Args:
        spec: Of the model.
        fingerprint: Of the model.
        defaults: The settings of a training where nothing is said; those of the model that are
            the same are left out.
    """
    sections = (
        Section("model", tuple(_model(spec, fingerprint))),
        Section("classes", tuple(_classes(spec))),
        Section("data", tuple(_data(spec.training))),
        Section("training", tuple(_settings(spec.training, defaults or {}))),
        Section("scores", tuple(_scores(spec))),
        Section("caveats", tuple(("", printable(line)) for line in caveats(spec))),
    )
    return tuple(section for section in sections if section.rows)


def printable(text: str) -> str:
    """Return ``text`` with a mark for every character that would steer a terminal, not show."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def caveats(spec: ModelSpec) -> list[str]:
    """Return, in sentences, what the scores of a model do not say."""
    found = ["For research: not a medical device, and not tested as one."]
    known = _mapping(spec.scores.get("iou"))
    if spec.scores.get("mean_iou") is None:
        return [*found, "Nothing is known of how well it does: there are no scores in it."]
    validated = _texts(_mapping(spec.training.get("patients")).get("val"))
    if not validated:
        found.append(
            "No patient was kept apart: the scores are of other parts of the slides it learned "
            "from, and tell nothing of how well another patient's would be mapped."
        )
    elif len(validated) < FEW_PATIENTS:
        found.append(
            f"Patients that the scores are of: {len(validated)}. Of others they may be quite "
            "different."
        )
    unseen = [name for name in spec.classes.names if not _is_number(known.get(name))]
    if unseen:
        found.append(f"Never seen in validation, so of unknown quality: {_listed(unseen)}.")
    return found


def _model(spec: ModelSpec, fingerprint: str) -> Iterator[tuple[str, str]]:
    yield "architecture", _text(spec.architecture)
    for key, value in spec.kwargs.items():
        yield _text(key), _text(value)
    for number, view in enumerate(spec.views):
        where = "sees" if not number else "and around it"
        yield where, f"{view.size} × {view.size} px of {view.mpp:g} µm"
    yield "stride", f"{spec.stride} px"
    yield (
        "mean, std",
        " and ".join(
            ", ".join(f"{value:.4g}" for value in values)
            for values in (spec.preprocessing.mean, spec.preprocessing.std)
        ),
    )
    if spec.architecture != "onnx":  # whose description does not say who made it
        yield "made by", f"carcinomap {_text(spec.version)}"
    libraries = _mapping(spec.training.get("libraries"))
    if libraries:
        yield "with", _listed([f"{key} {value}" for key, value in libraries.items()])
    yield "fingerprint", _text(fingerprint)


def _classes(spec: ModelSpec) -> Iterator[tuple[str, str]]:
    splits = _few(_mapping(spec.training.get("annotated_mm2")))
    areas = [(_text(split), _mapping(of_class)) for split, of_class in splits]
    for tissue in spec.classes.classes[:ENTRIES]:
        outlined = [
            f", {area:.4g} mm² outlined to {split}"
            for split, of_class in areas
            if _is_number(area := of_class.get(tissue.name)) and area
        ]
        yield _text(tissue.name), tissue.colour + "".join(outlined)
    if len(spec.classes) > ENTRIES:
        yield "", f"and {len(spec.classes) - ENTRIES} more"


def _data(training: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    slides = _mapping(training.get("slides"))
    for split, patients in _few(_mapping(training.get("patients"))):
        names = _texts(patients)
        count = f", slides: {slides[split]}" if _is_number(slides.get(split)) else ""
        yield _text(split), f"patients: {len(names)} ({_listed(names)}){count}"
    if _is_number(training.get("tissue_mm2")):
        yield "tissue", f"{training['tissue_mm2']:.4g} mm²"
    for note in _texts(training.get("notes"))[:ENTRIES]:
        yield "note", _text(note, 3 * LETTERS)


def _settings(
    training: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    if _is_number(training.get("steps")):
        yield "steps taken", _text(training["steps"])
    settings = _mapping(training.get("settings"))
    if _is_number(training.get("batch")) and training["batch"] != settings.get("batch"):
        yield "patches a step", _text(training["batch"])
    for key, value in _few(settings):
        if value is not None and (key not in defaults or defaults[key] != value):
            yield _text(key).replace("_", " "), _text(value)


def _scores(spec: ModelSpec) -> Iterator[tuple[str, str]]:
    scores = spec.scores
    intervals = _mapping(scores.get("intervals"))
    if _is_number(scores.get("mean_iou")):
        yield "mean IoU", _score(scores["mean_iou"], intervals.get("mean_iou"))
    known, ends = _mapping(scores.get("iou")), _mapping(intervals.get("iou"))
    for name in spec.classes.names:
        if _is_number(known.get(name)):
            yield f"IoU of {_text(name)}", _score(known[name], ends.get(name))
    if _is_number(scores.get("step")):
        yield "at step", _text(scores["step"])


def _score(value: float, interval: Any) -> str:
    ends = interval if isinstance(interval, list | tuple) else ()
    if len(ends) == 2 and all(map(_is_number, ends)):
        return f"{value:.3f} (95 %: {ends[0]:.3f} to {ends[1]:.3f})"
    return f"{value:.3f}"


def _is_number(value: Any) -> bool:
    """Say whether a value can be written as a number; JSON's whole numbers have no end."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e15


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> Sequence[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _few(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the first entries of a mapping, more than any honest one has."""
    for _, entry in zip(range(4 * ENTRIES), value.items(), strict=False):
        yield entry


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - ENTRIES} more"] if len(names) > ENTRIES else []
    return ", ".join([*map(_text, names[:ENTRIES]), *more])


def _text(value: Any, letters: int = LETTERS) -> str:
    """Write a value in one short line."""
    if isinstance(value, float):
        return f"{value:.6g}"
    shown = str(value)
    return printable(f"{shown[:letters]}…" if len(shown) > letters else shown)
