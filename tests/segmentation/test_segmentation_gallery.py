"""``index.html``: whole, safe whatever the names are, and leading to the files beside it."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from segmentation_fakes import blobs, write_map

from carcinomap.annotation import ClassScheme
from carcinomap.segmentation.folder.gallery import area_text, write_gallery
from carcinomap.segmentation.folder.summary import FolderSummary, MapSummary, Record

EVIL = 'a "b" <script>alert(1) #3?x=%41 é'
SCHEME = ClassScheme.from_dict(
    {"classes": [{"name": "normal", "color": "#123456"}, {"name": "<b>", "color": "#abcdef"}]}
)


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, path):
        super().__init__()
        self.tags = []
        self.script = ""
        self.words = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.tags.append((f"/{tag}", {}))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script":
            self.script += data
        else:
            self.words += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def cards(self):
        return self.all("article")


def made(name, areas, uncertainty=None, model="0123456789abcdef"):
    tissue = sum(areas.values())
    classes = {
        label: {"area_mm2": area, "share_of_tissue": area / tissue, "regions": 1}
        for label, area in areas.items()
    }
    record = {"model": {"sha256": model}, "mpp": 1.0, "tissue_mm2": tissue, "classes": classes}
    return MapSummary(name, Record.model_validate_json(json.dumps(record)), uncertainty, 2.5)


def written(folder, *maps, problems=()):
    write_gallery(FolderSummary(maps, dict(problems)), folder / "index.html")
    return Page(folder / "index.html")


@pytest.fixture
def page(tmp_path):
    write_map(tmp_path / f"{EVIL}.ome.tif", blobs(64, 64, 0), scheme=SCHEME)
    for name in (EVIL, "plain"):
        (tmp_path / f"{name}.png").write_bytes(b"picture")
    return written(
        tmp_path,
        made(EVIL, {"normal": 3.0, "<b>": 1.0}, uncertainty=0.25),
        made("plain", {"normal": 0.0, "<b>": 0.5}),
        problems={"plain": "<i>why</i>", "lost": "gone"},
    )


def test_a_card_for_each_map(page):
    assert [card["data-name"] for card in page.cards] == [EVIL, "plain"]
    values = [json.loads(card["data-values"]) for card in page.cards]
    assert values == [[4.0, 0.25, 3.0, 1.0], [0.5, 0.0, 0.0, 0.5]]
    # Every key to sort by is a place among those values.
    assert [option["value"] for option in page.all("option")] == ["-1", "0", "2", "3", "1"]


def test_what_failed_is_told(page):
    assert "2 slides could not be mapped" in page.words
    assert "lost: gone" in page.words
    assert page.words.count("<i>why</i>") == 2  # in the list, and on the card of the earlier map
    assert all("title" in tag for tag in page.all("i"))  # the page's own, none of a name


def test_links_lead_to_the_files_beside_it(page, tmp_path):
    addresses = [tag["href"] for tag in page.all("a")] + [tag["src"] for tag in page.all("img")]
    assert addresses.pop(0) == "./summary.csv"
    for address in addresses:
        parts = urlsplit(address)
        assert not any((parts.scheme, parts.netloc, parts.query, parts.fragment))
        assert (tmp_path / unquote(parts.path)).is_file()
    assert len(addresses) == 5  # two pictures, each shown and linked, and one map
    assert {image["loading"] for image in page.all("img")} == {"lazy"}


def test_bars_have_the_colours_of_the_maps(page):
    styles = [bar["style"] for bar in page.all("i")]
    totals = [
        "flex-grow: 0.666667; background: #123456",
        "flex-grow: 0.333333; background: #abcdef",
    ]
    assert styles[:2] == totals
    # A class of which there is nothing has no part in the bar.
    assert styles[2:] == [
        "flex-grow: 0.750000; background: #123456",
        "flex-grow: 0.250000; background: #abcdef",
        "flex-grow: 1.000000; background: #abcdef",
    ]


def test_only_its_own_script_may_run_and_nothing_be_fetched(page):
    (policy,) = [tag["content"] for tag in page.all("meta") if "http-equiv" in tag]
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert len(page.all("script")) == 1
    assert all(not key.startswith("on") for _, tag in page.tags for key in tag)
    assert not re.search(r"(https?:)?//\w", page.script)


def test_maps_of_several_models(tmp_path):
    page = written(
        tmp_path,
        made("one", {"normal": 1.0, "benign": 1.0}),
        made("two", {"stroma": 1.0, "benign": 2.0}, model="fedcba9876543210"),
    )
    values = [json.loads(card["data-values"]) for card in page.cards]
    assert values == [[2.0, 0.0, 1.0, 1.0, 0.0], [3.0, 0.0, 0.0, 2.0, 1.0]]
    assert "model 0123456789ab" in page.words
    assert "model fedcba987654" in page.words
    # Without their maps, known classes have the usual colours and others are grey.
    styles = " ".join(bar["style"] for bar in page.all("i"))
    assert "#e69f00" in styles
    assert "#808080" in styles
    assert "could not be mapped" not in page.words
    assert "uncertainty" not in page.words


def test_a_name_that_is_no_utf_8(tmp_path):
    page = written(tmp_path, made("a\udcff", {"normal": 1.0}))
    assert page.cards[0]["data-name"] == "a?"


@pytest.mark.parametrize(
    ("area", "text"),
    [(0, "0"), (0.0004, "< 0.001"), (0.01234, "0.0123"), (99.96, "100"), (1234567, "1,234,567")],
)
def test_areas_have_three_digits(area, text):
    assert area_text(area) == text
