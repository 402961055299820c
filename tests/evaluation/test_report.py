"""The report: whole in itself, safe against what names contain, and right in its pictures."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urlsplit

import cv2
import imagecodecs
import numpy as np
import pytest

from carcinomap.annotation import ClassScheme, TissueClass
from carcinomap.cohort import Cohort
from carcinomap.evaluation import evaluate_cohort, write_report
from carcinomap.evaluation.curves import Curve
from carcinomap.evaluation.known_model import KnownModel
from carcinomap.evaluation.pictures import DIFFERENCES, slide_pictures
from carcinomap.evaluation.report import area_text, page, score_text
from carcinomap.model.card import Section

BOXES = [("invasive", 240, 120, 400, 280), ("unsure", 440, 120, 500, 200)]
SIZE = (240, 320)
HOSTILE = "a&b'\"><script>alert(1)<"


class Page(HTMLParser):
    """Every tag and every attribute of a page, and its words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.words += data


def map_labels():
    labels = np.full(SIZE, 255, np.uint8)
    labels[40:200, 80:280] = 0
    labels[60:140, 120:180] = 3  # the left three quarters of the invasive box
    labels[10:30, 10:40] = 1  # glass
    labels[150:180, 200:240] = 2
    return labels


def report(workbench, *cases):
    output = workbench.folder / "scores"
    scores = evaluate_cohort(Cohort(workbench.folder, cases), workbench.maps, output)
    return scores, (output / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def one(workbench):
    case = workbench.case("one", BOXES)
    workbench.map("one", map_labels())
    return report(workbench, case)


def test_the_page_asks_for_nothing_outside_itself(one):
    shown = Page(one[1])
    for name, value in shown.attributes:
        if name in {"src", "href", "srcset", "data", "action", "poster"}:
            assert value.startswith(("data:", "#")), (name, value[:80])
        assert not name.startswith("on")
        assert urlsplit(value).scheme in {"", "data"} or name == "style", (name, value[:80])
    assert shown.tags.count("script") == 1
    assert not {"iframe", "object", "embed", "base", "form"} & set(shown.tags)
    assert not re.search(r"url\(|@import|https?:|//[a-z]", re.sub(r"base64,[^\"]*", "", one[1]))
    script = re.search("<script>(.*)</script>", one[1], re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = dict(shown.attributes)["content"]
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )


def test_the_page_shows_the_numbers(one):
    scores, text = one
    words = Page(text).words
    for figure in (scores.confusion.mean_iou, scores.confusion.pixel_accuracy, scores.bach):
        assert score_text(figure) in words
    for name in ClassScheme.default().names:
        assert name in words
    assert "75.0 %" in words  # of the invasive box
    # The other quarter of it: 20 × 80 pixels of 16 µm².
    assert "0.0256 mm², is invasive mapped as normal." in words
    assert "No intervals: they are drawn over patients, and this is one." in words
    assert "4 µm per pixel" in words


def test_links_lead_to_the_slides(workbench):
    cases = [workbench.case(name, BOXES) for name in "ab"]
    for case in cases:
        workbench.map(case.name, map_labels())
    shown = Page(report(workbench, *cases)[1])
    targets = [value[1:] for name, value in shown.attributes if name == "href" and value[0] == "#"]
    assert set(targets) <= {value for name, value in shown.attributes if name == "id"}
    assert {"slide-1", "slide-2"} <= set(targets)
    assert len([1 for one in shown.attributes if one == ("tabindex", "0")]) >= 8


def test_hostile_names_stay_text(workbench):
    classes = (
        TissueClass("normal", "#b3b3b3"),
        TissueClass("</style><script>alert(2)</script>", "#e69f00", ("invasive",)),
    )
    scheme = ClassScheme(classes, ignore=("unsure",))
    case = workbench.case(HOSTILE, BOXES, patient="<b>patient</b>")
    other = workbench.case("<i>unmapped", BOXES)
    workbench.map(case.name, np.minimum(map_labels(), 1), scheme)
    shown = Page(report(workbench, case, other)[1])
    assert not {"b", "i"} & set(shown.tags)
    assert shown.tags.count("script") == shown.tags.count("style") == 1
    for name in (HOSTILE, classes[1].name, "<b>patient</b>", "<i>unmapped"):
        assert name in shown.words
    assert f"Annotated classes of {HOSTILE}" in [v for n, v in shown.attributes if n == "alt"]


def test_a_name_that_is_no_unicode_is_on_the_page_as_far_as_it_is(workbench):
    case = workbench.case("one\udcfc", BOXES)
    workbench.map("one\udcfc", map_labels())
    assert "one?" in Page(report(workbench, case)[1]).words


def test_slides_left_out_are_on_the_page(workbench):
    names = ("good", "unmapped", "unannotated", "odd")
    boxes = {"unannotated": None, "odd": [("necrosis", 200, 100, 300, 200)]}
    cases = [workbench.case(name, boxes.get(name, BOXES)) for name in names]
    workbench.map("good", map_labels())
    workbench.map("odd", map_labels())
    words = Page(report(workbench, *cases)[1]).words
    assert "No map: unmapped" in words
    assert "No annotation: unannotated" in words
    assert re.search("odd: could not be scored .*necrosis", words, re.DOTALL)


def test_nothing_is_said_of_slides_left_out_where_there_are_none(one):
    assert "Not in these numbers" not in one[1]


def test_intervals_warnings_and_the_model_are_on_the_page(one, tmp_path):
    scores = replace(
        one[0],
        intervals={"mean_iou": (0.51234, 0.6), "classes.invasive.hausdorff_95_um": (12.4, 40.0)},
        warnings=("seen <before>",),
        known=KnownModel(
            (Section("model", (("encoder", "<small>"),)),),
            (Curve("loss", (0, 10), (1.0, 0.5)), Curve("val/iou/invasive", (10,), (0.4,))),
            (),
        ),
    )
    write_report(scores, tmp_path / "page.html")
    words = Page((tmp_path / "page.html").read_text(encoding="utf-8")).words
    for text in ("0.512–0.600", "12–40", "seen <before>", "<small>", "Loss", "IoU in validation"):
        assert text in words
    assert "No intervals" not in words


def test_a_page_without_places_that_are_wrong(one, tmp_path):
    cases = tuple(replace(case, worst=()) for case in one[0].cases)
    write_report(replace(one[0], cases=cases), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Where the map is most wrong" in one[1]
    assert "Where the map is most wrong" not in text
    assert 'href="#worst"' not in text


def test_only_the_worst_slides_have_pictures(workbench, monkeypatch):
    monkeypatch.setattr(page, "PICTURED_SLIDES", 1)
    good = workbench.case("good", BOXES)
    bad = workbench.case("bad", [("benign", 170, 90, 500, 380)])
    for case in (good, bad):
        workbench.map(case.name, map_labels())
    text = report(workbench, good, bad)[1]
    assert re.findall("<h3>(good|bad)</h3>", text) == ["bad"]
    assert 'href="#slide-1">bad<' in text
    assert 'href="#slide-2"' not in text
    assert "of 2 slides the first 1" in Page(text).words


def decoded(address):
    content = base64.b64decode(address.split(",", 1)[1])
    kind = address.split(";")[0]
    if kind == "data:image/png":
        return imagecodecs.png_decode(content)
    assert kind == "data:image/jpeg"
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_pictures_show_the_same_place_in_class_colours(one):
    case = one[0].cases[0]
    pictures = slide_pictures(case, max_side=320)
    slide, truth, prediction, difference = (
        decoded(getattr(pictures, name)) for name in ("slide", "truth", "prediction", "difference")
    )
    assert slide.shape == truth.shape == prediction.shape == difference.shape == (*SIZE, 3)
    assert (pictures.width, pictures.height) == (320, 240)
    normal, benign, in_situ, invasive = ClassScheme.default().colours_rgb
    white = (255, 255, 255)
    kinds = DIFFERENCES
    places = {  # (row, column): truth, map, difference
        (220, 10): (white, white, kinds["not counted"]),
        (20, 20): (white, benign, kinds["too much: background in truth"]),
        (160, 110): (normal, normal, kinds["right: background"]),
        (100, 150): (invasive, invasive, kinds["right: another class"]),
        (100, 190): (invasive, normal, kinds["missed: mapped as background"]),
        (160, 220): (normal, in_situ, kinds["too much: background in truth"]),
        (80, 230): ((85, 85, 85), white, kinds["not counted"]),
    }
    for place, colours in places.items():
        assert tuple(tuple(p[place].tolist()) for p in (truth, prediction, difference)) == colours
    assert slide[220, 10].min() > 235
    assert slide[100, 150].tolist() == pytest.approx([190, 90, 160], abs=12)


def test_pictures_are_small_and_have_a_round_scale_bar(one):
    pictures = slide_pictures(one[0].cases[0], max_side=100)
    assert (pictures.width, pictures.height) == (100, 75)
    assert decoded(pictures.truth).shape == (75, 100, 3)
    # 640 × 2 µm wide: of 1.28 mm, 0.2 is the greatest round length within 30 %.
    assert pictures.bar.text == "200 µm"
    assert pictures.bar.share == pytest.approx(0.2 / 1.28)


def test_a_slide_that_is_gone_keeps_its_numbers(workbench):
    cases = [workbench.case(name, BOXES) for name in "ab"]
    for case in cases:
        workbench.map(case.name, map_labels())
    scores, _ = report(workbench, *cases)
    cases[0].slide.unlink()
    write_report(scores, workbench.folder / "again.html")
    shown = Page((workbench.folder / "again.html").read_text(encoding="utf-8"))
    assert "No pictures: " in shown.words
    assert shown.tags.count("article") == 2
    assert shown.tags.count("figure") == 4


@pytest.mark.parametrize(
    ("score", "text"),
    [(None, "–"), (0.0, "0.000"), (0.81649, "0.816"), (0.9996, "0.999"), (1.0, "1.000")],
)
def test_scores_are_rounded_but_never_to_perfection(score, text):
    assert score_text(score) == text


@pytest.mark.parametrize(
    ("mm2", "text"),
    [
        (0, "0"),
        (0.0004, "< 0.001"),
        (0.00123456, "0.00123"),
        (0.27, "0.270"),
        (5.8, "5.80"),
        (99.96, "100"),
        (1234.5, "1,234"),
    ],
)
def test_areas_have_three_digits(mm2, text):
    assert area_text(mm2) == text
