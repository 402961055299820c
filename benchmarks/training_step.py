"""Processor time of a step of training: the library's U-Net against ours, which learns the same.

    python benchmarks/training_step.py [--batch 8] [--patch 256] [--repeats 5]

Forward and backward pass of one batch of noise in one thread, in float32 and, where the processor
has it, in bfloat16. Each figure is the best of several repeats, and all take turns, so that they
see the same machine.
"""

import argparse
import copy
import time

import torch
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder, UnetDecoderBlock
from torch.nn import functional

from carcinomap.model import build_network
from carcinomap.model.merged_upsampling import MergedBlock
from carcinomap.training import TrainingSettings
from carcinomap.training.depthwise import in_full_precision_on_cpu
from carcinomap.training.hardware import hardware
from measured import table

CLASSES = 3
OPTIONS = {
    "as it comes": {},
    "decoder width 0.5": {"decoder_width": 0.5},
    "output stride 2": {"output_stride": 2},
    "output stride 4": {"output_stride": 4},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--patch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    precisions = [torch.float32, *([torch.bfloat16] if has_half_precision() else [])]
    networks = {
        (architecture, name): build_network(architecture, classes=CLASSES, **kwargs)
        for architecture in ("unet", "context-unet")
        for name, kwargs in OPTIONS.items()
    }
    rows = [
        row(name, network, precision, options)
        for name, network in networks.items()
        for precision in precisions
    ]
    print(f"{options.batch} × {options.patch}², seconds of processor time")
    table(["network", "built", "precision", "library's", "ours", "times as fast"], rows)


def has_half_precision():
    """Say whether training would use it on this processor."""
    return hardware(TrainingSettings(device="cpu"))["precision"] == "bf16-mixed"


def row(name, network, precision, options):
    """Return a line of the table."""
    images = [torch.rand(options.batch, 3, options.patch, options.patch) for _ in network.scales]
    modules = [prepared(library(network.module)), prepared(network.module)]
    best = [float("inf")] * 2
    for _ in range(1 + options.repeats):  # the first time also prepares
        for number, module in enumerate(modules):
            best[number] = min(best[number], step(module, images, precision))
    plain, ours = best
    said = str(precision).removeprefix("torch.")
    return [*name, said, f"{plain:.2f}", f"{ours:.2f}", f"{plain / ours:.2f}"]


def library(module):
    """Return a network with the library's own decoder blocks, and the same weights."""
    module = copy.deepcopy(module)
    for decoder in [one for one in module.modules() if isinstance(one, UnetDecoder)]:
        for number, block in enumerate(decoder.blocks):
            if isinstance(block, MergedBlock):
                plain = UnetDecoderBlock(1, 0, 1)
                plain.conv1, plain.conv2 = block.conv1, block.conv2
                decoder.blocks[number] = plain
    return module


def prepared(module):
    """Make it ready to learn, as training does."""
    in_full_precision_on_cpu(module)
    return module.to(memory_format=torch.channels_last).train()


def step(module, images, precision, clock=time.process_time):
    """Return the seconds of a forward and a backward pass, by default of processor time."""
    last = torch.channels_last
    images = [image.contiguous(memory_format=last) for image in images]
    labels = torch.zeros(len(images[0]), *images[0].shape[-2:], dtype=torch.long)
    module.zero_grad()
    started = clock()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        logits = module(*images)
    functional.cross_entropy(logits.float(), labels).backward()
    return clock() - started


if __name__ == "__main__":
    main()
