"""Two evaluations of the same slides."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from score_files import SCHEME, anything, pixels, scored, two_classes, write_scores

from carcinomap.annotation import ClassScheme, TissueClass
from carcinomap.errors import InputError
from carcinomap.evaluation import Scores
from carcinomap.evaluation.comparison import compare
from carcinomap.evaluation.comparison_table import comparison_table
from carcinomap.evaluation.score_file import ScoreFile
from carcinomap.evaluation.score_file import write_scores as write_whole_scores
from carcinomap.evaluation.settings import EvaluationSettings

RESAMPLES = 200
PATIENTS = 12


def slides(better=0, mpp=1.0, start=0):
    """Return slides that differ much among one another, each mapped better by the same."""
    rights = (5 + 7 * i + better for i in range(start, PATIENTS))
    times = round(1 / mpp**2)
    return [
        scored(f"s{i}", f"p{i}", pixels(times * two_classes(right, 100 - right)), mpp)
        for i, right in enumerate(rights, start)
    ]


@pytest.fixture
def first(tmp_path):
    return write_scores(tmp_path / "first", slides())


def differences(*folders, seed=0):
    return compare(*folders, RESAMPLES, seed).differences


def test_against_itself_nothing_differs(tmp_path):
    rng = np.random.default_rng(0)
    cases = [scored(f"s{i}", f"p{i}", anything(rng)) for i in range(5)]
    folder = write_scores(tmp_path / "scores", cases)
    found = differences(folder, folder / "scores.json")
    assert {one.difference for one in found.values()} == {0.0}
    assert found["classes.benign.surface_dice"].interval == (0.0, 0.0)
    assert found["calibration_error"].same_sign is None


def test_what_is_better_on_every_slide_is_seen_however_unlike_the_slides_are(first, tmp_path):
    found = differences(first, write_scores(tmp_path / "second", slides(better=3)))
    one = found["classes.benign.recall"]
    assert one.difference == pytest.approx(one.second - one.first) == pytest.approx(0.03)
    assert one.interval == pytest.approx((0.03, 0.03))
    assert one.same_sign == 1.0
    assert found["classes.invasive.iou"].difference is None
    assert found["classes.invasive.iou"].interval is None


def test_a_difference_of_few_patients_may_be_chance(first, tmp_path):
    mixed = slides(better=-4)[:4] + slides(better=3, start=4)
    one = differences(first, write_scores(tmp_path / "second", mixed))["classes.benign.recall"]
    low, high = one.interval
    assert low < 0 < one.difference < high
    assert 0.5 < one.same_sign < 1


def test_the_other_way_round_only_the_sign_changes(tmp_path):
    rng = np.random.default_rng(5)
    truth = [anything(rng) for _ in range(6)]
    folders = []
    for name in ("a", "b"):
        other = [anything(rng) for _ in truth]
        same_truth = [replace(b, confusion=a.confusion) for a, b in zip(truth, other, strict=True)]
        cases = [scored(f"s{i}", f"p{i % 4}", one) for i, one in enumerate(same_truth)]
        folders.append(write_scores(tmp_path / name, cases))
    there, back = differences(*folders), differences(*reversed(folders))
    for key, one in there.items():
        other = back[key]
        assert (one.first, one.second) == (other.second, other.first)
        assert one.same_sign == other.same_sign
        if one.interval is not None:
            assert one.difference == -other.difference
            assert one.interval == tuple(-end for end in reversed(other.interval))
    assert there["classes.benign.hausdorff_95_um"].interval is not None


def test_slides_of_one_evaluation_alone_are_left_out_and_said(first, tmp_path):
    others = [*slides(better=3)[2:], scored("x", "p0", pixels(two_classes(1, 1)))]
    found = compare(first, write_scores(tmp_path / "second", others), RESAMPLES, 0)
    assert found.slides == tuple(sorted(f"s{i}" for i in range(2, PATIENTS)))
    assert found.patients == PATIENTS - 2
    assert any("first" in note and note.endswith("left out: s0, s1") for note in found.notes)
    assert any("second" in note and note.endswith("left out: x") for note in found.notes)
    alone = write_scores(tmp_path / "third", slides()[2:])
    whole = differences(alone, tmp_path / "second")
    assert found.differences == whole


def test_slides_of_which_something_else_is_true_are_left_out(first, tmp_path):
    others = slides(better=3)
    others[4] = replace(others[4], counts=pixels(two_classes(40, 80)))
    found = compare(first, write_scores(tmp_path / "second", others), RESAMPLES, 0)
    assert "s4" not in found.slides
    assert any("true" in note and note.endswith("left out: s4") for note in found.notes)
    unlike = [replace(one, counts=pixels(two_classes(40, 80))) for one in others]
    with pytest.raises(InputError, match="no slide is in both"):
        compare(first, write_scores(tmp_path / "third", unlike), RESAMPLES, 0)


def test_bare_glass_that_a_map_claims_is_no_other_truth(first, tmp_path):
    others = slides()
    matrix = others[0].confusion.matrix.copy()
    matrix[0, 1] = 500
    others[0] = replace(others[0], counts=pixels(matrix))
    assert "s0" in compare(first, write_scores(tmp_path / "b", others), RESAMPLES, 0).slides


def test_maps_of_another_mpp_compare(first, tmp_path):
    finer = write_scores(tmp_path / "finer", slides(mpp=0.5))
    found = compare(first, finer, RESAMPLES, 0)
    assert len(found.slides) == PATIENTS
    assert found.differences["mean_iou"].difference == pytest.approx(0)
    assert "counted at 1 and 0.5 mpp" in found.notes[0]


def test_what_was_not_made_alike_is_refused(first, tmp_path):
    other = write_scores(tmp_path / "a", slides(), EvaluationSettings(tolerance_um=20))
    with pytest.raises(InputError, match=r"tolerance_um 50\.0 against 20\.0"):
        compare(first, other, RESAMPLES, 0)
    more = write_scores(tmp_path / "b", slides(), EvaluationSettings(resamples=300))
    assert compare(first, more, RESAMPLES, 0).notes == ()
    scheme = ClassScheme.default()
    renamed = ClassScheme((*scheme.classes[:3], TissueClass("tumour", "#000000")))
    cases = [replace(one, scheme=renamed) for one in slides()]
    with pytest.raises(InputError, match="benign, in situ, invasive against normal, benign"):
        compare(first, write_scores(tmp_path / "c", cases), RESAMPLES, 0)
    cases = [scored(one.case.name, "p", one.counts) for one in slides()]
    with pytest.raises(InputError, match=r"slide s0 is of patient p0 in .* and of p in"):
        compare(first, write_scores(tmp_path / "d", cases), RESAMPLES, 0)


def test_one_patient_has_no_intervals(tmp_path):
    folders = [write_scores(tmp_path / n, slides(b)[:1]) for n, b in (("a", 0), ("b", 5))]
    one = differences(*folders)["classes.benign.recall"]
    assert one.difference == pytest.approx(0.05)
    assert (one.interval, one.same_sign) == (None, None)
    assert printed(compare(*folders, RESAMPLES, 0)).count("1 slide of 1 patient\n") == 1


def test_warnings_of_either_are_passed_on(first, tmp_path):
    warned = write_scores(tmp_path / "b", slides(), warnings=("s1 was trained on",))
    (note,) = compare(first, warned, RESAMPLES, 0).notes
    assert note == f"{warned / 'scores.json'}: s1 was trained on"


def test_json_has_no_value_that_json_lacks(first, tmp_path):
    found = compare(first, write_scores(tmp_path / "b", slides(better=3)), RESAMPLES, 0)
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    one = read["differences"]["classes.benign.recall"]
    assert set(one) == {"first", "second", "difference", "interval", "same_sign"}
    assert read["patients"] == PATIENTS


def test_table_shows_what_there_is(tmp_path):
    folders = []
    for name, better in (("a", 0), ("b", -3)):
        cases = [
            replace(
                one,
                scheme=ClassScheme(
                    (TissueClass("normal", "#000000"), TissueClass("[red]x[/red]", "#000000"))
                ),
                counts=pixels(one.confusion.matrix[:2, :2]),
            )
            for one in slides(better)
        ]
        folders.append(write_scores(tmp_path / name, cases))
    text = printed(compare(*folders, RESAMPLES, 0))
    assert "12 slides of 12 patients" in text
    assert "[red]x[/red]" in text
    rows = [line.split("  ") for line in text.splitlines()]
    recall = [[cell.strip() for cell in row if cell.strip()] for row in rows if "recall" in row[0]]
    assert recall[1] == ["recall", "0.435", "0.405", "−0.030", "−0.030 to −0.030", "100 %"]
    assert "BACH" not in text
    assert "Hausdorff" not in text


def printed(comparison):
    console = Console(width=100)
    with console.capture() as capture:
        console.print(comparison_table(comparison))
    return capture.get()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe\x00", "utf-16"),
        (b"[" * 100_000, "recursion"),
        (b"[]", "object"),
        (b'{"mean_iou": 0.5, "classes": {"a": {}, "b": {}}}', "slides: Field required"),
    ],
)
def test_no_scores(tmp_path, first, content, why):
    path = tmp_path / "scores.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=why) as caught:
        compare(first, path, RESAMPLES, 0)
    assert str(path) in str(caught.value)
    assert "evaluate the maps again" in str(caught.value)


def test_missing_and_absurdly_large_files(tmp_path, first):
    with pytest.raises(InputError, match="no such scores file"):
        compare(tmp_path, first, RESAMPLES, 0)
    content = json.loads((first / "scores.json").read_text(encoding="utf-8"))
    content["slides"] = [{"slide": str(i), "patient": "", "counts": {}} for i in range(25_001)]
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="25001 slides of 4 classes"):
        compare(path, first, RESAMPLES, 0)
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputError, match="more than 512 MB"):
        compare(tmp_path, first, RESAMPLES, 0)


def test_names_that_are_no_unicode(tmp_path):
    case = scored("s\udcfc", "p\udcfc", pixels(two_classes(5, 95)))
    path = tmp_path / "scores.json"
    write_whole_scores(Scores(SCHEME, 1.0, EvaluationSettings(), (case,), (), (), {}), path)
    read = ScoreFile.read(path).slides
    assert {name: one.patient for name, one in read.items()} == {"s\udcfc": "p\udcfc"}


def test_a_slide_that_is_there_twice(tmp_path, first):
    twice = write_scores(tmp_path / "b", [*slides(), slides()[0]])
    with pytest.raises(InputError, match="a slide is there twice"):
        compare(first, twice, RESAMPLES, 0)


STRANGE = st.sampled_from(
    [None, -1, 0, 1.5, True, float("nan"), float("inf"), 10**30, "", "x", [], [[1]], {}, {"a": 1}]
)


@given(st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_a_file_holds_there_is_a_comparison_or_a_message(first, tmp_path, data):
    rng = np.random.default_rng(1)
    content = json.loads((first / "scores.json").read_text(encoding="utf-8"))
    content["slides"] = content["slides"][:2]
    content["slides"][0]["counts"] = anything(rng).to_dict()
    node = content
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(STRANGE)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        json.dumps(compare(first, path, 100, 0).to_dict(), allow_nan=False)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017
