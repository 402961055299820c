"""``carcinomap tiles``, and training from what it leaves."""

import json
import shutil
from pathlib import Path

from as_typed import TINY, call
from PIL import Image

SMALL = ["--size", "500", "--mpp", "1"]


def test_tiles_are_written_and_trained_on(made_slides: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    result = call("tiles", made_slides, *SMALL, "-o", folder, "--json")
    assert result.exit_code == 0, result.output
    about = json.loads(result.stdout)
    assert about["tiles"] == sum(about["slides"].values()) > 3
    assert len(list((folder / "train_feature").glob("*.jpg"))) == about["tiles"]
    assert call("check", folder, "--quiet").exit_code == 0
    classes = folder / "classes.yaml"
    result = call("train", folder, "--classes", classes, "-o", tmp_path / "run", *TINY)
    assert result.exit_code == 0, result.output


def test_other_settings_need_overwrite(made_slides: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    assert call("tiles", made_slides, *SMALL, "-o", folder).exit_code == 0
    result = call("tiles", made_slides, "--size", 600, "--mpp", 1, "-o", folder)
    assert result.exit_code == 2
    assert "other settings (size)" in result.stderr
    result = call("tiles", made_slides, "--size", 600, "--mpp", 1, "-o", folder, "--overwrite")
    assert result.exit_code == 0


def test_a_bad_slide_is_told_and_the_others_done(made_slides: Path, tmp_path: Path) -> None:
    slides = tmp_path / "slides"
    slides.mkdir()
    for file in made_slides.iterdir():
        (slides / file.name).write_bytes(file.read_bytes())
    (slides / "slide-02.svs").write_bytes(b"no slide")
    result = call("tiles", slides, *SMALL, "-o", tmp_path / "dataset")
    assert result.exit_code == 1
    assert "slide-02.svs: " in result.stdout
    assert (tmp_path / "dataset" / "tiles.csv").is_file()


def test_a_preview_writes_no_tiles(made_slides: Path, tmp_path: Path) -> None:
    result = call("tiles", made_slides, "--mpp", 1, "--preview", tmp_path / "sheet.png")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 500
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.png"]


def test_a_preview_tells_what_is_wrong_with_slides_and_names(
    made_slides: Path, tmp_path: Path
) -> None:
    slides = tmp_path / "slides"
    shutil.copytree(made_slides, slides)
    (slides / "slide-02.svs").write_bytes(b"no slide")
    result = call("tiles", slides, "--mpp", 1, "--preview", tmp_path / "sheet.png")
    assert result.exit_code == 0, result.output
    assert "left out: " in result.stderr
    assert "slide-02.svs" in result.stderr
    result = call("tiles", slides, "--preview", tmp_path / "sheet.pdf")
    assert result.exit_code == 2
    assert "a picture's name ends with" in result.stderr


def test_it_is_asked_what_to_write(made_slides: Path) -> None:
    result = call("tiles", made_slides)
    assert result.exit_code == 2
    assert "--output" in result.stderr
