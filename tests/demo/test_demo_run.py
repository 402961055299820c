import json

import pytest

from carcinomap.demo.run import _prepare, run_demo
from carcinomap.demo.settings import DemoSettings
from carcinomap.errors import InputError


def test_whole_path_on_small_slides(tmp_path):
    output = tmp_path / "demo"
    result = run_demo(output, DemoSettings(slides=2, size=1280, steps=1, workers=0))
    assert list(output.rglob("scores.json")) == [output / "scores.json"]
    assert result.report == output / "report.html"
    assert result.overview.is_file()
    scores = json.loads((output / "scores.json").read_text())
    assert [slide["slide"] for slide in scores["slides"]] == ["unseen"]
    assert scores["mean_iou"] == pytest.approx(result.scores.confusion.mean_iou)
    assert not (output / "slides" / "unseen.svs").exists()  # it was not trained on
    with pytest.raises(InputError, match="--overwrite"):
        run_demo(output, DemoSettings(steps=1))
    (output / "mine.txt").write_text("mine")
    _prepare(output, DemoSettings(), overwrite=True)
    assert sorted(path.name for path in output.iterdir()) == ["demo.json", "mine.txt"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_no_demo_has_made_stays(tmp_path, overwrite):
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="maps: exists already, and no demo made it"):
        run_demo(tmp_path, DemoSettings(steps=1), overwrite=overwrite)
    assert [path.name for path in tmp_path.rglob("*")] == ["maps", "mine.txt"]
