import numpy as np
import shapely

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case, PatchSampler, PatchSource, grid_keys
from carcinomap.slide import View, find_artefacts, find_tissue, open_slide

SCHEME = ClassScheme.default()
VIEW = View(1.0, 64)
ROI = (400, 300, 700, 600)
REGION = """<Region Id="{0}" Type="0" Text="{1}" NegativeROA="0"><Vertices>
<Vertex X="{2}" Y="{3}"/><Vertex X="{4}" Y="{3}"/><Vertex X="{4}" Y="{5}"/><Vertex X="{2}" Y="{5}"/>
</Vertices></Region>"""


def annotated(slide, folder, *regions):
    file = folder / "outlines.xml"
    body = "".join(
        REGION.format(number, label, *box) for number, (label, box) in enumerate(regions, 1)
    )
    file.write_text(
        f'<Annotations><Annotation Id="1" Type="4"><Regions>{body}</Regions></Annotation>'
        "</Annotations>"
    )
    return Case(slide, file, patient="p")


def test_patches_are_centred_in_the_regions_of_interest(made_slides, tmp_path):
    slide = made_slides / "slide-01.svs"
    outlined = [("invasive", (500, 100, 650, 500)), ("benign", (800, 800, 900, 900))]
    whole = PatchSource.of(0, annotated(slide, tmp_path, *outlined), SCHEME)
    source = PatchSource.of(0, annotated(slide, tmp_path, *outlined, ("ROI", ROI)), SCHEME)
    assert 0 < source.tissue.area_mm2 < whole.tissue.area_mm2
    sampler = PatchSampler([source], SCHEME, VIEW, 0)
    assert sampler.classes == (0, 3)  # nothing is known of the benign region
    side = VIEW.size * VIEW.mpp / source.mpp
    reach = shapely.box(*ROI).buffer(side * 0.25 + 16, join_style="mitre")
    keys = [key for step in range(20) for key in sampler.batch(step, 8)]
    assert all(reach.covers(shapely.Point(key.x, key.y)) for key in keys)
    grid = grid_keys(source, SCHEME, VIEW)
    assert 0 < len(grid) < len(grid_keys(whole, SCHEME, VIEW))


def test_artefacts_are_skipped_where_asked(made_slides, tmp_path):
    slide = made_slides / "slide-01.svs"
    case = annotated(slide, tmp_path, ("invasive", (500, 100, 650, 500)))
    with open_slide(slide) as opened:
        tissue = find_tissue(opened)
        clean = find_artefacts(opened, tissue).clean(tissue)
    for skip, expected in ((False, tissue), (True, clean)):
        found = PatchSource.of(0, case, SCHEME, skip_artefacts=skip).tissue
        np.testing.assert_array_equal(found.mask, expected.mask)
