import pytest
from cohort_files import write_pair

from carcinomap.cohort import describe_annotation
from carcinomap.errors import InputError


@pytest.mark.parametrize("mpp", [0.0, -1.0, float("nan"), 2.5e-4, 1e300])
def test_an_mpp_that_cannot_be_is_refused(tmp_path, mpp):
    outlines = write_pair(tmp_path)
    assert describe_annotation(outlines, mpp=0.25)["areas_mm2"]
    with pytest.raises(InputError, match="--mpp"):
        describe_annotation(outlines, mpp=mpp)
