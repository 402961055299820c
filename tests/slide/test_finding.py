import os
from pathlib import Path

import pytest

from carcinomap.errors import InputError
from carcinomap.slide import find_slides, is_slide_file


def found(folder, *names):
    """Return which of these files of a folder count as slides."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return [str(path.relative_to(folder)) for path in find_slides(folder)]


def test_whole_slides_below_a_folder(tmp_path):
    names = ["a.svs", "b.SVS", "deep/c.tiff", "d.ndpi", "e.xml", ".f.svs", ".hidden/g.svs"]
    assert found(tmp_path, *names) == ["a.svs", "b.SVS", "d.ndpi", "deep/c.tiff"]


def test_unfinished_results_and_images_in_many_files_are_passed_over(tmp_path):
    names = ["a.svs", "maps/a.partial/a.ome.tif", "maps/a.probabilities.ome.zarr/0/x.tif"]
    assert found(tmp_path, *names) == ["a.svs"]


def test_images_count_where_there_are_no_whole_slides(tmp_path):
    images = ["a.png", "b.JPG", "deep/c.jpeg", "a_mask.png", "b_labels.png"]
    assert found(tmp_path / "fields", *images) == ["a.png", "b.JPG", "deep/c.jpeg"]
    assert found(tmp_path / "slides", *images, "deep/a.svs") == ["deep/a.svs"]


def test_links_are_followed_and_lead_in_no_circle(tmp_path):
    slides = tmp_path / "slides"
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "b.svs").touch()
    (slides / "deep").mkdir(parents=True)
    (slides / "linked").symlink_to(tmp_path / "disk")
    (slides / "deep" / "up").symlink_to(slides)
    (slides / "gone.svs").symlink_to(tmp_path / "nowhere.svs")  # to be told of, not lost
    assert found(slides, "a.svs") == ["a.svs", "gone.svs", "linked/b.svs"]


def test_a_pattern_has_brackets_in_it_as_they_are_and_no_maps(tmp_path):
    found(summarised(tmp_path / "batch[12]"), "a.tif", "a.ome.tif", "a.png")
    found(tmp_path / "batch1", "b.tif")
    assert find_slides(tmp_path / "batch[12]" / "*.tif") == [tmp_path / "batch[12]" / "a.tif"]


def test_a_file_that_cannot_be_read_is_no_summary(tmp_path, monkeypatch):
    def denied(path, most):
        raise PermissionError(path)

    monkeypatch.setattr("carcinomap.slide.finding.read_small", denied)
    assert found(tmp_path, "a.png", "a.json") == ["a.png"]


def test_a_folder_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    real = os.scandir

    def scandir(folder):
        if Path(folder).name in ("closed", "lost+found"):
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr("os.scandir", scandir)
    (tmp_path / "lost+found").mkdir()
    assert found(tmp_path, "a.svs") == ["a.svs"]
    (tmp_path / "closed").mkdir()
    with pytest.raises(InputError, match=r"closed: this folder cannot be read \(Permission den"):
        find_slides(tmp_path)
    assert find_slides(tmp_path / "*.svs") == [tmp_path / "a.svs"]


def test_label_images_do_not_count(tmp_path):
    names = ["a.svs", "a.tif", "b.tif", "b_mask.tif", "c.ndpi", "c.ome.tif", "d_Label.TIFF"]
    assert found(tmp_path, *names) == ["a.svs", "b.tif", "c.ndpi"]
    assert not is_slide_file(tmp_path / "x_labels.ome.tif")
    assert is_slide_file(tmp_path / "mask.tif")


def test_an_image_beside_a_photograph_of_its_name_is_its_label_image(tmp_path):
    assert found(tmp_path, "a.jpg", "a.png", "b.png") == ["a.jpg", "b.png"]


def summarised(folder):
    """Put a summary as ``segment`` writes it into a new folder."""
    folder.mkdir()
    (folder / "a.json").write_text('{"slide": "a.svs", "model": {}, "tissue_mm2": 1.0}')
    return folder


def test_own_outputs_do_not_count(tmp_path):
    outputs = ["a.ome.tif", "a.png", "a.geojson"]
    assert found(summarised(tmp_path / "beside"), *outputs, "a.svs") == ["a.svs"]
    assert found(summarised(tmp_path / "images"), *outputs, "a.jpg", "b.png") == ["a.jpg", "b.png"]
    with pytest.raises(InputError, match="no slides there"):
        found(summarised(tmp_path / "alone"), *outputs)


def test_an_annotation_beside_a_slide_makes_it_no_output(tmp_path):
    (tmp_path / "a.json").write_text('{"name": "outlines", "elements": []}')
    assert found(tmp_path, "a.ome.tif") == ["a.ome.tif"]


def test_named_path_is_itself(tmp_path):
    found(tmp_path, "a.svs", "a_mask.png")
    assert find_slides(tmp_path / "a_mask.png") == [tmp_path / "a_mask.png"]
    assert find_slides(tmp_path / "a*") == [tmp_path / "a.svs", tmp_path / "a_mask.png"]
    with pytest.raises(InputError, match="no such slide"):
        find_slides(tmp_path / "b.svs")
