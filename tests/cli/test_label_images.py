"""Label images take the place of outlines, from one end to the other."""

import json
import shutil

import numpy as np
import pytest
import tifffile
from as_typed import TINY, call
from PIL import Image


@pytest.fixture(scope="module")
def masked(made_slides, tmp_path_factory):
    """The slides with masks instead of outlines, and a map of each."""
    folder = tmp_path_factory.mktemp("masked")
    for slide in made_slides.glob("*.svs"):
        shutil.copy(slide, folder / slide.name)
        mask = folder / f"{slide.stem}_mask.tif"
        outlines = slide.with_suffix(".xml")
        result = call("convert", outlines, mask, "--slides", made_slides)
        assert result.exit_code == 0, result.output
    shutil.copy(made_slides / "patients.csv", folder)
    return folder


def test_training_and_scores_take_them_for_outlines(masked, made_slides, tmp_path):
    result = call("train", masked, "--output", tmp_path / "run", *TINY)
    assert result.exit_code == 0, result.output
    model = tmp_path / "run" / "model.safetensors"
    slide = made_slides / "slide-01.svs"
    assert call("segment", slide, "-m", model, "-o", tmp_path / "maps").exit_code == 0
    scores = []
    for cohort in (made_slides, masked):
        output = tmp_path / f"scores-{cohort.name}"
        result = call("evaluate", cohort, "--predictions", tmp_path / "maps", "-o", output)
        assert result.exit_code == 0, result.output
        scores.append(json.loads((output / "scores.json").read_text()))
    outlined, painted = scores
    assert painted["pixel_accuracy"] == pytest.approx(outlined["pixel_accuracy"], abs=0.01)
    for name, about in outlined["classes"].items():
        assert painted["classes"][name]["pixels"] == pytest.approx(about["pixels"], rel=0.02)


def test_values_without_a_meaning_are_an_error_with_the_line_to_write(made_slides, tmp_path):
    shutil.copy(made_slides / "slide-01.svs", tmp_path)
    mask = np.zeros((160, 160), np.uint8)
    mask[20:80, 20:80] = 7
    Image.fromarray(mask).save(tmp_path / "slide-01_mask.png")
    result = call("check", tmp_path)
    assert result.exit_code == 1
    result = call("train", tmp_path, "--output", tmp_path / "run", *TINY)
    assert result.exit_code == 2
    assert "values: {" in result.stderr
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_inspect_tells_slides_from_label_images(masked, tmp_path):
    image = np.full((300, 400, 3), 200, np.uint8)
    tifffile.imwrite(tmp_path / "slide.ome.tif", image, photometric="rgb", tile=(128, 128))
    about = json.loads(call("inspect", tmp_path / "slide.ome.tif", "--mpp", 1, "--json").stdout)
    assert about["size"] == "400 × 300 pixels"
    unnamed = shutil.copy(masked / "slide-01_mask.tif", tmp_path / "labels.tif")
    about = json.loads(call("inspect", unnamed, "--json").stdout)
    assert set(about["labels"]) <= {"0", "1", "2", "3"}


def test_inspect_shows_tissue_and_artefacts(made_slides, tmp_path):
    slide = made_slides / "slide-01.svs"
    result = call("inspect", slide, "--pictures", tmp_path / "look", "--json")
    assert result.exit_code == 0, result.output
    about = json.loads(result.stdout)
    assert set(about["artefacts"]) == {"blurred", "pen", "fold"}
    with Image.open(about["picture"]) as picture:
        assert min(picture.size) > 200
    assert (about["read_by"], about["mpp_from"]) == ("tiff", "vendor")
