import numpy as np
import pytest
import tifffile
from small_models import small_model

from carcinomap.errors import InputError
from carcinomap.model.export import made_patches, tissue_patches
from carcinomap.slide import View

PINK = (200, 120, 170)


def slide_with(path, tissue):
    """Write a slide of glass whose columns from ``tissue`` on are stained."""
    image = np.full((800, 800, 3), 245, np.uint8)
    image[:, tissue:] = PINK
    tifffile.imwrite(path, image, photometric="rgb", tile=(256, 256))
    return path


def test_patches_are_of_tissue(tmp_path):
    slide = slide_with(tmp_path / "half.tif", 600)
    spec = small_model(views=(View(1.0, 64), View(4.0, 32))).spec
    patches = tissue_patches(slide, spec, mpp=1.0, seed=3)
    for fine, wide in patches:
        assert (fine.shape, wide.shape) == ((1, 64, 64, 3), (1, 32, 32, 3))
    stained = [np.abs(fine[0, 32, 32].astype(int) - PINK).max() < 10 for fine, _ in patches]
    assert np.mean(stained) > 0.8  # of glass, or of the whole slide, it would be a quarter at most
    places = {fine.tobytes() + wide.tobytes() for fine, wide in patches}
    assert len(places) > 1
    again = tissue_patches(slide, spec, mpp=1.0, seed=3)
    assert {fine.tobytes() + wide.tobytes() for fine, wide in again} == places
    other = tissue_patches(slide, spec, mpp=1.0, seed=4)
    assert {fine.tobytes() + wide.tobytes() for fine, wide in other} != places


def test_a_slide_without_tissue_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"glass\.tif: no tissue"):
        tissue_patches(slide_with(tmp_path / "glass.tif", 800), small_model().spec, mpp=0.5)


def test_made_patches_vary():
    patches = made_patches(small_model(views=(View(1.0, 96),)).spec)
    values = np.concatenate([views[0] for views in patches])
    assert values.shape[1:] == (96, 96, 3)
    assert values.std(axis=(1, 2)).min() > 10
    assert len({views[0].tobytes() for views in patches}) == len(patches)
