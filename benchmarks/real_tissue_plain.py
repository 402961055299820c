"""The plain recipe of ``real_tissue.py``, to compare with ``carcinomap.training``.

The same network with the same ImageNet weights, in the same precision; crops anywhere in the
training fields, flips and quarter turns, cross-entropy, AdamW with one cycle of the learning rate,
the last weights kept. All training patients teach, none validates. A step's crops follow from the
seed and the step's number.
"""

import math
import time

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from carcinomap.annotation import IGNORE
from carcinomap.files import atomic_path
from carcinomap.model import Model, ModelSpec, build_network, save_model
from carcinomap.training.depthwise import in_full_precision_on_cpu
from carcinomap.training.hardware import hardware

# The settings that this loop heeds, besides the training's length.
HEEDED = frozenset(
    {"encoder", "pretrained", "mpp", "patch", "batch", "learning_rate", "weight_decay", "seed"}
    | {"precision", "decoder_width", "output_stride"}
)
KEEP_EVERY = 50  # steps
WARM_UP = 0.3  # share of the training; with the next two what PyTorch's OneCycleLR has
START = 1 / 25
FINISH = 1e-4 / 25


def train_plain(task, settings, target, resume):
    """Train to the end, from the last checkpoint if asked to; return the steps and no scores."""
    torch.manual_seed(settings.seed)
    network = build_network(
        "unet",
        settings.encoder,
        len(task.scheme),
        settings.pretrained,
        decoder_width=settings.decoder_width,
        output_stride=settings.output_stride,
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = network.module.to(device, memory_format=torch.channels_last).train()
    in_full_precision_on_cpu(module)
    optimiser = torch.optim.AdamW(
        module.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    half = hardware(settings)["precision"] == "bf16-mixed"
    fields = [_read(piece, task.scheme, settings) for piece in task.pieces]
    checkpoint = target.with_name("last.pt")
    step = _restored(checkpoint, module, optimiser, settings) if resume else 0
    started = time.monotonic()
    while (done := _progress(settings, step, started)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * one_cycle(done)
        images, labels = _batch(fields, settings, step)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = module(_normalised(images.to(device), network.preprocessing))
        loss = cross_entropy(logits.float(), labels.to(device), ignore_index=IGNORE)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % KEEP_EVERY == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
            _keep(checkpoint, module, optimiser, settings, step)
    spec = ModelSpec(
        architecture=network.architecture,
        kwargs=network.kwargs,
        classes=task.scheme,
        views=network.views(settings.mpp, settings.patch),
        stride=network.stride,
        preprocessing=network.preprocessing,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    save_model(Model(spec, module.eval().cpu()), target)
    return step, {}


def one_cycle(progress):
    """Return the factor of the learning rate: half a cosine up, half a cosine down."""
    if progress < WARM_UP:
        return _half_cosine(START, 1, progress / WARM_UP)
    return _half_cosine(1, FINISH, (progress - WARM_UP) / (1 - WARM_UP))


def _half_cosine(first, last, share):
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


def _progress(settings, step, started):
    if settings.minutes is not None:
        return (time.monotonic() - started) / 60 / settings.minutes
    return step / settings.steps


def _read(piece, scheme, settings):
    """Return (image, labels) of a piece of a slide, at least as large as a patch."""
    case, left, top, width, height = piece
    with case.open_slide() as slide:
        ratio = settings.mpp / slide.mpp
        columns, rows = (max(math.floor(n / ratio), settings.patch) for n in (width, height))
        image = slide.read(left, top, columns, rows, settings.mpp)
        labels = case.read_annotations(slide).label_image(left, top, columns, rows, ratio, scheme)
    return image, labels


def _batch(fields, settings, step):
    """Return images, uint8 (n, 3, h, w), and labels (n, h, w), of one step."""
    random = np.random.default_rng((settings.seed, step))
    images, labels = [], []
    for _ in range(settings.batch):
        image, label = fields[random.integers(len(fields))]
        top, left = (int(random.integers(side - settings.patch + 1)) for side in label.shape)
        window = (slice(top, top + settings.patch), slice(left, left + settings.patch))
        turns, mirrored = random.integers(4), random.integers(2)
        for array, found in ((image, images), (label, labels)):
            crop = np.rot90(array[window], turns)
            found.append(crop[:, ::-1] if mirrored else crop)
    return (
        torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2),
        torch.from_numpy(np.stack(labels)).long(),
    )


def _normalised(images, preprocessing):
    mean, std = (
        torch.tensor(values, device=images.device).view(1, 3, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    return ((images / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def _keep(checkpoint, module, optimiser, settings, step):
    state = {
        "settings": settings.model_dump(),
        "step": step,
        "module": module.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    with atomic_path(checkpoint) as temporary:
        torch.save(state, temporary)


def _restored(checkpoint, module, optimiser, settings):
    """Load a checkpoint of the same settings, if there is one; return its step."""
    if not checkpoint.is_file():
        return 0
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    if state["settings"] != settings.model_dump():
        return 0
    module.load_state_dict(state["module"])
    optimiser.load_state_dict(state["optimiser"])
    return state["step"]
