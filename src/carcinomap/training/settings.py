"""How a model is trained."""

from typing import Literal

from pydantic import model_validator

from carcinomap.settings import Settings, under

DEFAULT_STEPS = 1500

_network = under("Network")
_patches = under("Patches")
_length = under("Length")
_learning = under("Learning")
_variation = under("Variation of the patches")
_validation = under("Validation")
_machine = under("Machine")


class TrainingSettings(Settings):
    """Settings of one training run; the defaults suit a first model on any machine."""

    architecture: str = _network(
        "context-unet",
        description="Network: 'context-unet', which sees the surroundings too, 'unet', "
        "'atrous-resnet', or any other that segmentation-models-pytorch has.",
    )
    encoder: str = _network(
        "efficientnet-lite0",
        description="Encoder of the network: 'efficientnet-lite0' or any name that "
        "segmentation-models-pytorch knows.",
    )
    width: float = _network(
        1.0, gt=0, description="Factor on the channels of 'atrous-resnet'; others ignore it."
    )
    context: int = _network(
        4,
        ge=2,
        le=8,
        description="How many times as wide 'context-unet' sees in its second view; others "
        "ignore it.",
    )
    decoder_width: float = _network(
        1.0,
        gt=0,
        description="Factor on the channels of the decoder of 'unet' and 'context-unet'; others "
        "ignore it.",
    )
    output_stride: Literal[1, 2, 4] = _network(
        2,
        description="Side in pixels, 1, 2 or 4, of the squares for which 'unet' and 'context-unet' "
        "decide at once; others ignore it.",
    )
    pretrained: bool = _network(True, description="Start the encoder from ImageNet weights.")
    encoder_weights: str | None = _network(
        None,
        description="File with other weights for the encoder to start from, as safetensors or as "
        "PyTorch saves tensors.",
    )
    mpp: float = _patches(1.0, gt=0, description="Microns per pixel that the model sees.")
    patch: int = _patches(
        256, ge=64, le=4096, multiple_of=32, description="Side of a training patch in pixels."
    )
    batch: int = _patches(
        8,
        ge=0,
        le=4096,
        description="Patches per step, over all devices; 0 takes as many as fit on the GPU.",
    )
    accumulate: int = _patches(
        1, ge=1, description="Parts in which a step's patches are computed, to save memory."
    )
    steps: int | None = _length(
        None, ge=1, description=f"Length of the training ({DEFAULT_STEPS} if nothing else is said)."
    )
    epochs: float | None = _length(
        None,
        gt=0,
        description="Length as passes over the training tissue, instead of --steps.",
    )
    minutes: float | None = _length(
        None, gt=0, description="Stop after this time; alone or as a limit to the steps."
    )
    optimiser: Literal["adamw", "adam"] = _learning("adamw", description="Optimiser.")
    learning_rate: float = _learning(
        1e-3, gt=0, description="Highest learning rate, after warm-up and before decay."
    )
    weight_decay: float = _learning(1e-2, ge=0, description="Weight decay of AdamW.")
    clip: float = _learning(1.0, ge=0, description="Largest norm of the gradient; 0 for any.")
    ema: float = _learning(
        0.98,
        ge=0,
        lt=1,
        description="Decay per step of the running mean of the weights, which is what validates "
        "and what is kept; 0 keeps the weights themselves.",
    )
    patience: int | None = _length(
        None, ge=1, description="Stop after so many validations without a better one."
    )
    precision: Literal["auto", "32", "bf16", "16"] = _learning(
        "auto",
        description="Of the arithmetic; 'auto' is half where the GPU or CPU has it in hardware.",
    )
    dice: float = _learning(
        0.5, ge=0, le=1, description="Share of the Dice loss; the rest is cross-entropy."
    )
    focal: float = _learning(
        0.0, ge=0, le=5, description="Exponent with which easy pixels lose weight (focal loss)."
    )
    label_smoothing: float = _learning(
        0.0, ge=0, lt=1, description="Share of the truth that is spread over all classes."
    )
    class_weights: Literal["equal", "balanced"] = _learning(
        "equal", description="Whether the pixels of rare classes count more."
    )
    prior: Literal["tissue", "patches"] = _learning(
        "tissue",
        description="How common the model takes classes to be: as in the tissue that teaches, or "
        "as in the patches, which show rare ones more often.",
    )
    sample_slides: Literal["area", "equally"] = _patches(
        "area", description="How a class's patches are spread over the slides that have it."
    )
    sample_polygons: Literal["area", "equally"] = _patches(
        "area", description="How a class's patches are spread over the regions of a slide."
    )
    background: float | None = _patches(
        None,
        ge=0,
        lt=1,
        description="Share of the patches from tissue that nobody outlined (class 0 is as likely "
        "as any other, where nothing is said).",
    )
    hard_negatives: float = _patches(
        0.0,
        ge=0,
        le=1,
        description="Share of the patches of class 0 that come from where the network, at the "
        "last validation, saw something else.",
    )
    scale_jitter: float = _variation(
        0.2, ge=0, lt=1, description="Patches are magnified by up to this much, either way."
    )
    rotation: float = _variation(
        180.0,
        ge=0,
        le=180,
        description="Patches are turned by up to this many degrees, besides quarter turns.",
    )
    stain: float = _variation(
        0.5, ge=0, lt=1, description="Strength of the variation of haematoxylin and eosin."
    )
    brightness: float = _variation(
        0.1, ge=0, lt=1, description="Strength of the variation of the light."
    )
    blur: float = _variation(0.1, ge=0, le=1, description="Share of the patches that are blurred.")
    jpeg: float = _variation(
        0.1, ge=0, le=1, description="Share of the patches that are compressed as JPEG."
    )
    skip_artefacts: bool = _patches(
        False, description="Take no patches from blurred, folded or inked tissue."
    )
    validation_share: float = _validation(
        0.2,
        ge=0,
        lt=1,
        description="Share of the patients that validate, if the cohort is silent; with 0 all of "
        "them teach, and the last weights are kept, without a score.",
    )
    validation_patches: int = _validation(
        256, ge=1, description="Most patches looked at in one validation."
    )
    validate_every: int | None = _validation(
        None, ge=1, description="Steps between validations (a tenth of the training, 200 at most)."
    )
    device: str = _machine("auto", description="'auto', 'cpu', 'cuda' or 'cuda:1'.")
    devices: int = _machine(1, ge=1, description="GPUs, or processes on the CPU, of each node.")
    nodes: int = _machine(1, ge=1, description="Machines that train together.")
    workers: int | None = _machine(
        None, ge=0, description="Processes that read patches (chosen by the number of cores)."
    )
    seed: int = _machine(0, ge=0, lt=2**63, description="Seed of everything random.")

    @model_validator(mode="after")
    def _one_length(self) -> "TrainingSettings":
        if self.steps is not None and self.epochs is not None:
            raise ValueError("give --steps or --epochs, not both")
        return self

    @model_validator(mode="after")
    def _has_hard_negatives(self) -> "TrainingSettings":
        if self.hard_negatives and self.background == 0:
            raise ValueError(
                "--hard-negatives are places that nobody outlined, and with --background 0 no "
                "patch comes from there"
            )
        return self

    @model_validator(mode="after")
    def _counted_on_one_device(self) -> "TrainingSettings":
        if not self.batch and self.devices * self.nodes > 1:
            raise ValueError(
                "--batch 0 counts what fits on one GPU; with several devices, give their number "
                "times what it finds on one of them"
            )
        return self
