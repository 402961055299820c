"""A network of PyTorch becomes one of OpenVINO.

Its graph is exported without computing anything, so that no activations are ever in memory, and
handed over as bytes: what OpenVINO then executes shares nothing with Python, to which the
converter's own result would refer.

PyTorch takes half a gigabyte and seconds to import, and mapping on the CPU needs it for nothing
else. So where it is not loaded, and the network still in its file, a process of its own converts:
this module, run as a program.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.model.spec import Model
from carcinomap.model.stored import ModelFile
from carcinomap.model.views import Shapes
from carcinomap.signals import stops_held

REASON_LETTERS = 300  # of what the libraries say, which can be pages


def converted(model: Model, shapes: Shapes | None = None) -> tuple[bytes, bytes]:
    """Return what OpenVINO reads a network from: its description and its weights.

    Args:
        model: What becomes of its pixels, from uint8 (n, h, w, 3) to probabilities, is part of
            the result.
        shapes: Those of the inputs. None makes it for batches of any number, height and width, or
            for a single one of the model's views where the network turns sizes into constants, as
            those of several views do.

    Raises:
        InputError: The model's file is not usable.
        CarcinomapError: The network cannot be converted.
    """
    with TemporaryDirectory(prefix="carcinomap-") as folder:
        description, weights = Path(folder, "network.xml"), Path(folder, "network.bin")
        if isinstance(model, ModelFile) and "torch" not in sys.modules:
            _convert_elsewhere(model.path, shapes, description)
        else:
            # C++ calls Python here, and takes a KeyboardInterrupt for a failure of the network, or
            # crashes.
            with stops_held():
                _convert(model, shapes, description)
                gc.collect()  # here: some of what the converter leaves refers to itself
        return description.read_bytes(), weights.read_bytes()


def _convert(model: Model, shapes: Shapes | None, description: Path) -> None:
    """Write ``description``, and beside it the weights."""
    import torch  # noqa: PLC0415 - see the module

    from carcinomap.model.any_size import of_any_size, reshape  # noqa: PLC0415
    from carcinomap.model.probabilities import Probabilities  # noqa: PLC0415
    from carcinomap.model.quiet_openvino import openvino  # noqa: PLC0415

    of_views = tuple((1, view.size, view.size, 3) for view in model.spec.views)
    example = tuple(torch.zeros(shape, dtype=torch.uint8) for shape in shapes or of_views)
    try:
        module = Probabilities(model)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported = torch.export.export(module, example, strict=False)
            network = openvino.convert_model(exported)
        reshape(network, shapes or of_views)
        if shapes is None and len(of_views) == 1:
            network = of_any_size(network, module, model.spec)
        openvino.save_model(network, description, compress_to_fp16=False)
    except Exception as error:  # of either library, in the way of the network at hand
        reason = shorten(f"{type(error).__name__}: {error}", REASON_LETTERS)
        raise CarcinomapError(
            f"the network {model.spec.architecture} {dict(model.spec.kwargs)} cannot be converted "
            f"for OpenVINO, though it may run on a GPU with --device cuda ({reason})"
        ) from error


def _convert_elsewhere(path: Path, shapes: Shapes | None, description: Path) -> None:
    """Let a process of its own convert the network of a model file."""
    arguments = [str(path), json.dumps(shapes), str(description)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(  # noqa: S603 - this very module
        [sys.executable, "-P", "-m", __name__, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    said = done.stdout.decode(errors="replace").strip()
    if done.returncode == InputError.exit_code:
        raise InputError(said)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise CarcinomapError(
            said or f"{path}: the conversion for OpenVINO ended with {done.returncode} ({last})"
        )


def _main(path: str, shapes: str, description: str) -> int:
    """Convert in this process, and say what went wrong where another one reads it."""
    # What Ctrl-C means, the process decides that waits for this one, and ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from carcinomap.model.file import load_model  # noqa: PLC0415 - see the module

    try:
        asked = json.loads(shapes)
        fixed = asked and tuple(tuple(shape) for shape in asked)
        _convert(load_model(path), fixed, Path(description))
    except CarcinomapError as error:
        sys.stdout.write(str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
