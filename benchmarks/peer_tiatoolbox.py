"""Map a slide with tiatoolbox, in its own environment; ``engine.py pipeline`` starts this.

    TIATOOLBOXPYTHON benchmarks/peer_tiatoolbox.py SLIDE FOLDER MPP TILE OVERLAP WORKERS

The network is a 1×1 convolution to four classes with a softmax, which is the table of
``pass_through.py`` as a formula: log p = (grey · centre − centre² / 2) / width² + constant. All
patches of the slide are done, averaged where they overlap, and written as classes alone (zarr).
Prints JSON: seconds of the call, with the libraries loaded.
"""

import json
import sys
import time
from pathlib import Path

import torch
from tiatoolbox.models.architecture.utils import argmax_last_axis
from tiatoolbox.models.engine.io_config import IOSegmentorConfig
from tiatoolbox.models.engine.semantic_segmentor import SemanticSegmentor
from tiatoolbox.models.models_abc import ModelABC

CENTRES = torch.tensor([210.0, 170.0, 130.0, 90.0])
WIDTH = 20
GREY = torch.tensor([0.299, 0.587, 0.114])


class OneByOne(ModelABC):
    """A network that costs next to nothing."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, len(CENTRES), 1)
        weight = CENTRES[:, None] * GREY / WIDTH**2
        bias = -(CENTRES**2) / 2 / WIDTH**2
        self.layer.load_state_dict({"weight": weight[:, :, None, None], "bias": bias})

    def forward(self, images):
        """Return probabilities, channels last."""
        logits = self.layer(images.permute(0, 3, 1, 2).float())
        return logits.softmax(1).permute(0, 2, 3, 1)

    @staticmethod
    def postproc(image):
        """Return classes, as tiatoolbox's own networks do."""
        return argmax_last_axis(image=image)

    @staticmethod
    def infer_batch(model, batch_data, *, device):
        """Return probabilities (n, h, w, classes) as numpy."""
        with torch.inference_mode():
            return model(batch_data.to(device)).cpu().numpy()


def main():
    slide, folder, mpp, tile, overlap, workers = sys.argv[1:]
    resolution = [{"units": "mpp", "resolution": float(mpp)}]
    side, step = [int(tile)] * 2, [int(tile) - int(overlap)] * 2
    config = IOSegmentorConfig(
        input_resolutions=resolution,
        output_resolutions=resolution,
        save_resolution=resolution[0],
        patch_input_shape=side,
        patch_output_shape=side,
        stride_shape=step,
    )
    engine = SemanticSegmentor(model=OneByOne(), num_workers=int(workers), verbose=False)
    started = time.perf_counter()
    engine.run(
        images=[Path(slide)],
        patch_mode=False,
        ioconfig=config,
        auto_get_mask=False,
        return_probabilities=False,
        num_workers=int(workers),
        output_type="zarr",
        save_dir=Path(folder),
        overwrite=True,
    )
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
