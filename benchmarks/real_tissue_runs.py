"""The runs of ``real_tissue.py``: what they are called, how they are trained, what is kept."""

import hashlib
import json
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
import yaml

import carcinomap
from carcinomap.cohort import Cohort
from carcinomap.files import write_json
from carcinomap.training import TrainingSettings, train
from real_tissue_plain import HEEDED, train_plain

RECIPES = {"plain": {"architecture": "unet"}, "unet": {"architecture": "unet"}, "ours": {}}
SCORING_MINUTES = 3  # after a training that is measured by the clock


@dataclass(frozen=True)
class Recipe:
    """A way to train.

    Attributes:
        name: One of ``RECIPES``.
        changed: Settings that differ from that recipe's own.
    """

    name: str
    changed: dict = field(default_factory=dict)

    @classmethod
    def of(cls, name, changed):
        """Return a recipe with those changes that it heeds."""
        heeded = HEEDED if name == "plain" else TrainingSettings.model_fields.keys()
        return cls(name, {key: value for key, value in changed.items() if key in heeded})

    def settings(self, options):
        """Return all settings; the plain recipe looks at a few of them."""
        settings = RECIPES[self.name] | self.changed
        return TrainingSettings(steps=options.steps, minutes=options.minutes, **settings)

    def changes(self):
        """Return the changes as text."""
        return [f"{key}={value}" for key, value in sorted(self.changed.items())]


@dataclass(frozen=True)
class Task:
    """What a model learns from and what it is scored on.

    Attributes:
        part: ``glas`` or ``a03``.
        fold: Which tissue is held out.
        cohort: The training cases, for ``carcinomap.train``.
        pieces: The same for the plain recipe: (case, left, top, width, height), level 0.
        scheme: The classes.
        score: Model file, folder for maps → ``[{"name", "patient", "confusion"}]``.
    """

    part: str
    fold: str
    cohort: Cohort
    pieces: list
    scheme: carcinomap.ClassScheme
    score: object


class TimeOverError(BaseException):
    """The limit of this invocation is reached; no ordinary handler may swallow it."""


class Deadline:
    """When this invocation has to end."""

    def __init__(self, minutes):
        self._end = time.monotonic() + 60 * minutes if minutes else None

    @contextmanager
    def enforced(self):
        """Raise TimeOverError inside the block when the time is over."""
        if self._end is None:
            yield
            return
        signal.signal(signal.SIGALRM, _time_over)
        signal.setitimer(signal.ITIMER_REAL, max(self._end - time.monotonic(), 1e-3))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def expect(self, minutes):
        """Raise TimeOverError where so many minutes are not left."""
        if self._end is not None and time.monotonic() + 60 * minutes > self._end:
            raise TimeOverError


def _time_over(*_):
    raise TimeOverError


def setting(text):
    """Return (name, value) of ``NAME=VALUE``, the value as YAML reads it."""
    name, _, value = text.partition("=")
    if name not in TrainingSettings.model_fields:
        raise ValueError(name)  # argparse tells which argument it was
    return name, yaml.safe_load(value)


def measure(task, recipe, options, deadline):
    """Train and score one recipe on one task, as far as that is not done."""
    length = f"{options.steps} steps" if options.steps else f"{options.minutes:g} minutes"
    few = getattr(options, "few", None)
    if few:
        length += f", {few} fields a patient"
    title = ", ".join([recipe.name, *recipe.changes(), length])
    folder = options.output / task.part / title.replace(", ", "_").replace(" ", "-") / task.fold
    kept = folder / "result.json"
    if kept.is_file():
        print(f"{task.part}, {title}, {task.fold}: there already", flush=True)
        return
    settings = recipe.settings(options)
    print(f"{task.part}, {title}, {task.fold}: begins {time.strftime('%H:%M')}", flush=True)
    model = _trained(task, recipe, settings, folder, deadline)
    fields = task.score(model, folder)
    result = {
        "part": task.part,
        "recipe": recipe.name,
        "changes": recipe.changes(),
        "length": length,
        "fold": task.fold,
        "settings": settings.model_dump(),
        "carcinomap": carcinomap.__version__,
        "code": CODE,
        "torch": torch.__version__,
        "device": _device(),
        **json.loads((folder / "training.json").read_text()),
        "classes": list(task.scheme.names),
        "fields": fields,
    }
    write_json(kept, result)


def _trained(task, recipe, settings, folder, deadline):
    """Return the model file of a run, trained to its end."""
    target, ended = folder / "run" / "model.safetensors", folder / "training.json"
    if target.is_file() and ended.is_file():
        return target
    clock = folder / "seconds.json"
    by_clock = settings.minutes is not None
    if by_clock:
        deadline.expect(settings.minutes + SCORING_MINUTES)
    before = 0.0 if by_clock or not clock.is_file() else json.loads(clock.read_text())
    started = time.monotonic()
    try:
        if recipe.name == "plain":
            steps, scores = train_plain(task, settings, target, resume=not by_clock)
        else:
            steps, scores = _train_ours(task, settings, target, resume=not by_clock)
    finally:
        seconds = before + time.monotonic() - started
        write_json(clock, round(seconds, 1))
    write_json(ended, {"steps": steps, "seconds": round(seconds, 1), "validation": scores})
    return target


def _device():
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"


def _train_ours(task, settings, target, resume):
    run = target.parent
    resume = resume and (run / "checkpoints" / "last.ckpt").is_file()
    result = train(task.cohort, run, settings, task.scheme, resume=resume, overwrite=not resume)
    return result.steps, dict(result.scores)


def _code():
    """Return a fingerprint of carcinomap's code: results of different ones do not compare."""
    root = Path(carcinomap.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:10]


CODE = _code()
