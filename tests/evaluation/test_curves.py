"""The curves of a training are those of its log, and no log can do harm."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from carcinomap.evaluation.curves import CURVES, LARGEST, POINTS, Curve, read_curves


def write_log(logs, points, number=0, begun=1.0):
    """Write an event file of (name, step, value), each value a number or the bytes of a picture."""
    logs.mkdir(exist_ok=True)
    path = logs / f"events.out.tfevents.{begun:.0f}.here.{number}"
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(file_version="brain.Event:2", wall_time=begun).SerializeToString())
        for name, step, value in points:
            one = Summary.Value(tag=name)
            if isinstance(value, bytes):
                one.image.encoded_image_string = value
            else:
                one.simple_value = value
            writer.write(Event(step=step, summary=Summary(value=[one])).SerializeToString())
    return path


TRAINED = [
    *(("loss", step, 1 / (1 + step)) for step in range(9, 100, 10)),
    *(("epoch", step, 0.0) for step in range(9, 100, 10)),
    ("learning_rate", 9, 0.5),
    ("val/a picture", 49, bytes(2 * LARGEST)),
    ("val/a picture", 49, b"small"),
    ("val/loss", 49, 0.75),
    ("val/iou/invasive", 49, 0.25),
    ("val/mean_iou", 49, 0.5),
    ("val/loss", 99, 0.625),
    ("val/iou/in situ", 99, 0.125),
]


def test_curves_are_those_that_tensorboard_reads(tmp_path):
    write_log(tmp_path, TRAINED)
    curves = read_curves(tmp_path, "fold-1")
    assert [curve.name for curve in curves] == [
        "loss", "val/loss", "val/mean_iou", "val/iou/invasive", "val/iou/in situ", "learning_rate"
    ]  # fmt: skip
    peer = EventAccumulator(str(tmp_path)).Reload()
    for curve in curves:
        theirs = [(one.step, one.value) for one in peer.Scalars(curve.name)]
        assert list(zip(curve.steps, curve.values, strict=True)) == theirs
        assert curve.run == "fold-1"


def test_what_our_logger_writes_is_read(tmp_path):
    from lightning.pytorch.loggers import TensorBoardLogger  # noqa: PLC0415 - takes seconds

    logger = TensorBoardLogger(tmp_path, name="", version="")
    logger.log_metrics({"loss": 0.5, "epoch": 0}, step=9)
    logger.finalize("success")
    assert read_curves(tmp_path) == (Curve("loss", (9,), (0.5,)),)


@pytest.mark.parametrize("later", [2.0, 1.25])  # within the second, too
def test_steps_taken_again_after_a_resume_count_once(tmp_path, later):
    write_log(tmp_path, [("loss", step, 1.0) for step in (9, 19, 29, 39)], number=9)
    write_log(tmp_path, [("loss", step, 0.5) for step in (19, 29)], number=10, begun=later)
    assert read_curves(tmp_path) == (Curve("loss", (9, 19, 29), (1.0, 0.5, 0.5)),)


def test_what_is_not_finite_is_left_out(tmp_path):
    points = [("loss", 9, 1.0), ("loss", 19, math.nan), ("loss", 29, math.inf)]
    write_log(tmp_path, [*points, ("val/iou/benign", 29, math.nan)])
    assert read_curves(tmp_path) == (Curve("loss", (9,), (1.0,)),)


def test_a_long_curve_is_thinned_to_means(tmp_path):
    write_log(tmp_path, [("loss", step, step % 2) for step in range(4 * POINTS)])
    (curve,) = read_curves(tmp_path)
    assert len(curve.steps) == POINTS
    assert set(curve.values) == {0.5}
    assert list(curve.steps) == sorted(set(curve.steps))


def test_no_log_has_no_curves(tmp_path):
    assert read_curves(tmp_path / "logs") == ()
    (tmp_path / "events.out.tfevents.1.folder").mkdir()
    assert read_curves(tmp_path) == ()


@pytest.mark.parametrize(
    "tail",
    [
        b"\x05",
        struct.pack("<QI", 2**64 - 1, 0),
        struct.pack("<QI", 40, 0) + b"short",
        struct.pack("<QI", 4, 0) + b"\xff" * 8,
    ],
)
def test_a_damaged_log_is_read_up_to_the_damage(tmp_path, tail):
    path = write_log(tmp_path, TRAINED)
    whole = read_curves(tmp_path)
    path.write_bytes(path.read_bytes() + tail)
    assert read_curves(tmp_path) == whole


def test_a_log_of_very_many_curves_is_cut(tmp_path):
    many = [(f"val/iou/{number}", 9, 0.5) for number in range(2 * CURVES)]
    write_log(tmp_path, [*many, ("val/iou/" + "x" * 10_000, 9, 0.5), ("val/iou/0", 19, 0.25)])
    curves = read_curves(tmp_path)
    assert len(curves) == CURVES
    assert curves[0] == Curve("val/iou/0", (9, 19), (0.5, 0.25))


@given(place=st.integers(0, 2000), byte=st.integers(0, 255), kept=st.integers(0, 3000))
@settings(max_examples=60, deadline=None)
def test_changed_and_cut_logs_only_lose_points(tmp_path_factory, place, byte, kept):
    logs = tmp_path_factory.mktemp("logs")
    path = write_log(logs, [point for point in TRAINED if not isinstance(point[2], bytes)])
    content = bytearray(path.read_bytes()[:kept])
    if place < len(content):
        content[place] = byte
    path.write_bytes(content)
    for curve in read_curves(logs):
        assert len(curve.steps) == len(curve.values) > 0
        assert all(map(math.isfinite, curve.values))
        assert list(curve.steps) == sorted(curve.steps)
