"""Results on S3-compatible storage: the same bytes as on a disk, and nothing left here."""

import csv
import io
import json

import pytest
from segmentation_fakes import FakeRuntime, by_position, model

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.segmentation import SegmentationSettings, segment_slides
from carcinomap.segmentation.results import elsewhere
from carcinomap.segmentation.results.elsewhere import working_folder
from carcinomap.slide import find_slides
from carcinomap.storage import as_path

SETTINGS = SegmentationSettings(tile=512, overlap=64, probabilities=True)
OUTPUT = "s3://slides/maps"


def segmented(slides, output, **options):
    runtime = FakeRuntime(by_position, mpp=4.0)
    return segment_slides(slides, runtime, model(), output, SETTINGS, **options)


def unwanted(*_):
    raise AssertionError("no slide is to be mapped")


def stored(bucket, prefix="maps/"):
    """Return what is in the bucket, by key without the prefix."""
    listed = bucket.client.list_objects_v2(Bucket=bucket.name, Prefix=prefix).get("Contents", [])
    return {
        one["Key"].removeprefix(prefix): bucket.client.get_object(
            Bucket=bucket.name, Key=one["Key"]
        )["Body"].read()
        for one in listed
    }


def on_disk(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


pytestmark = pytest.mark.usefixtures("cache")


def test_the_same_files_as_on_a_disk(bucket, made_slides, tmp_path):
    broken = tmp_path / "broken.svs"
    broken.write_text("no slide")
    slides = [*find_slides(made_slides)[:2], broken]
    segmented(slides, tmp_path / "maps")
    result = segmented(slides, OUTPUT)
    assert [path for path, _ in result.failures] == [broken]
    expected, found = on_disk(tmp_path / "maps"), stored(bucket)
    changing = {"run.json", "summary.csv", "failures.csv"}  # they tell times
    assert found.keys() == expected.keys() - {"index.html"}
    assert any(name.startswith("slide-01.probabilities.ome.zarr/0/") for name in found)
    for name in found.keys() - changing:
        assert found[name] == expected[name], name
    rows = csv.DictReader(io.StringIO(found["summary.csv"].decode()))
    assert [row["status"] for row in rows] == ["failed", "done", "done"]
    assert json.loads(found["run.json"])["counts"] == {"done": 2, "failed": 1}
    first = result.done[0]
    assert str(first.class_map) == f"{OUTPUT}/slide-01.ome.tif"
    assert first.record == json.loads(expected["slide-01.json"])
    assert not on_disk(working_folder(as_path(OUTPUT)))


def test_what_is_there_is_passed_over(bucket, made_slides):
    slides = find_slides(made_slides)[:2]
    segmented(slides[:1], OUTPUT)
    before = stored(bucket)
    result = segmented(slides, OUTPUT)
    assert [one.skipped for one in result.done] == [True, False]
    after = stored(bucket)
    assert {name: after[name] for name in before if name.startswith("slide-01")} == {
        name: content for name, content in before.items() if name.startswith("slide-01")
    }
    earlier, later = (json.loads(files["run.json"])["slides"][0] for files in (before, after))
    assert (later["status"], later["seconds"]) == ("was there", earlier["seconds"])
    # Of other settings, it is refused; and replaced when asked to.
    other = SETTINGS.model_copy(update={"overlap": 32})
    runtime = FakeRuntime(by_position, mpp=4.0)
    refused = segment_slides(slides[:1], runtime, model(), OUTPUT, other)
    assert "differs in its settings" in str(refused.failures[0][1])
    assert stored(bucket)["slide-01.json"] == before["slide-01.json"]
    replaced = segment_slides(slides[:1], runtime, model(), OUTPUT, other, overwrite=True)
    assert not replaced.failures
    assert replaced.done[0].record["settings"]["overlap"] == 32


@pytest.mark.parametrize("damage", ["another", "shorter", "gone"])
def test_a_result_that_was_damaged_there_is_made_anew(bucket, made_slides, damage):
    slides = find_slides(made_slides)[:1]
    segmented(slides, OUTPUT)
    before = stored(bucket)
    if damage == "gone":
        bucket.client.delete_object(Bucket=bucket.name, Key="maps/slide-01.ome.tif")
    else:
        length = len(before["slide-01.ome.tif"]) if damage == "another" else 7
        bucket.put(bytes(length), "maps/slide-01.ome.tif")
    segmented(slides, OUTPUT, overwrite=damage == "another")
    after = stored(bucket)
    assert after.keys() == before.keys()
    for name in ("slide-01.ome.tif", "slide-01.json"):
        assert after[name] == before[name]


def test_files_of_others_stay(bucket, made_slides):
    bucket.put(b"precious", "maps/slide-01.geojson")
    picture = bucket.put(b"the slide", "maps/field.png")
    slides = [find_slides(made_slides)[0], picture]
    refused = segmented(slides, OUTPUT)
    told = [str(error) for _, error in refused.failures]
    assert "slide-01.geojson: exists and is not part of a finished result" in told[0]
    assert "its result would take its place" in told[1]
    assert stored(bucket)["slide-01.geojson"] == b"precious"
    replaced = segmented(slides, OUTPUT, overwrite=True)
    assert len(replaced.done) == 1
    assert stored(bucket)["slide-01.geojson"] != b"precious"
    assert stored(bucket)["field.png"] == b"the slide"


def test_a_slide_elsewhere_is_known_by_what_its_storage_calls_it(bucket, made_slides):
    address = bucket.put(find_slides(made_slides)[0], "scans/first.svs")
    tag = bucket.client.head_object(Bucket=bucket.name, Key="scans/first.svs")["ETag"]
    for status in ("done", "was there"):
        segmented([address], OUTPUT)
        (one,) = json.loads(stored(bucket)["run.json"])["slides"]
        assert (one["status"], one["version"], one["quickhash"]) == (status, tag, None)


def test_a_stopped_slide_goes_on(bucket, made_slides, monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    slides = find_slides(made_slides)[:1]
    with monkeypatch.context() as patch:
        patch.setattr("carcinomap.segmentation.results.whole.write_class_map", interrupted)
        with pytest.raises(KeyboardInterrupt):
            segmented(slides, OUTPUT)
    assert list(stored(bucket)) == ["run.json"]
    assert (working_folder(as_path(OUTPUT)) / "slide-01.partial" / "journal").exists()
    segmented(slides, OUTPUT)
    assert json.loads(stored(bucket)["run.json"])["slides"][0]["resumed"]
    segmented(slides, tmp_path / "maps")
    assert stored(bucket)["slide-01.ome.tif"] == (tmp_path / "maps/slide-01.ome.tif").read_bytes()


def test_an_upload_that_fails_leaves_no_record_and_is_made_good(bucket, made_slides, monkeypatch):
    whole = elsewhere.upload

    def fails_at_pictures(file, to):
        if file.suffix == ".png":
            raise CarcinomapError(f"{to}: its server cannot be reached")
        whole(file, to)

    slides = find_slides(made_slides)[:1]
    with monkeypatch.context() as patch:
        patch.setattr(elsewhere, "upload", fails_at_pictures)
        result = segmented(slides, OUTPUT)
    assert "cannot be reached" in str(result.failures[0][1])
    assert "slide-01.json" not in stored(bucket)
    assert "slide-01.partial" in stored(bucket)  # whose files these are
    again = segment_slides(slides, FakeRuntime(unwanted, mpp=4.0), model(), OUTPUT, SETTINGS)
    assert [one.skipped for one in again.done] == [True]  # what was mapped was not lost
    assert not on_disk(working_folder(as_path(OUTPUT)))
    assert {"slide-01.json", "slide-01.png"} <= stored(bucket).keys()
    assert "slide-01.partial" not in stored(bucket)


def test_what_waits_to_be_brought_outlives_another_failure(
    bucket, made_slides, monkeypatch, tmp_path
):
    def fails(file, to):
        raise CarcinomapError(f"{to}: its server cannot be reached")

    (slide,) = find_slides(made_slides)[:1]
    with monkeypatch.context() as patch:
        patch.setattr(elsewhere, "upload", fails)
        assert segmented([slide], OUTPUT).failures
    assert segmented([tmp_path / slide.name], OUTPUT).failures  # a disk that is not there
    again = segment_slides([slide], FakeRuntime(unwanted, mpp=4.0), model(), OUTPUT, SETTINGS)
    assert [one.skipped for one in again.done] == [True]


def test_a_result_of_fewer_files_leaves_none_of_the_one_before(bucket, made_slides):
    slides = find_slides(made_slides)[:1]
    fewer = SegmentationSettings(tile=512, overlap=64, outlines=False)
    segmented(slides, OUTPUT)
    assert any(".zarr/" in name for name in stored(bucket))
    runtime = FakeRuntime(by_position, mpp=4.0)
    segment_slides(slides, runtime, model(), OUTPUT, fewer, overwrite=True)
    assert set(stored(bucket)) - {"run.json", "summary.csv"} == {
        f"slide-01{suffix}" for suffix in (".ome.tif", ".png", ".json")
    }


def test_the_table_knows_the_map_of_a_part_that_ended_meanwhile(bucket, made_slides, monkeypatch):
    first, second = find_slides(made_slides)[:2]
    whole, others = elsewhere.upload, [second]

    def upload(file, to):
        if file.name == "summary.csv" and others:
            segmented([others.pop()], OUTPUT)
        whole(file, to)

    monkeypatch.setattr(elsewhere, "upload", upload)
    segmented([first], OUTPUT)
    table = csv.DictReader(io.StringIO(stored(bucket)["summary.csv"].decode()))
    assert [row["name"] for row in table] == ["slide-01", "slide-02"]


def test_files_that_the_record_does_not_name_are_not_replaced(bucket, made_slides):
    slides = find_slides(made_slides)[:1]
    fewer = SegmentationSettings(tile=512, overlap=64, outlines=False)
    runtime = FakeRuntime(by_position, mpp=4.0)
    segment_slides(slides, runtime, model(), OUTPUT, fewer)
    bucket.put(b"drawn by hand", "maps/slide-01.geojson")
    bucket.client.delete_object(Bucket=bucket.name, Key="maps/slide-01.ome.tif")
    result = segment_slides(slides, runtime, model(), OUTPUT, fewer)
    assert "slide-01.geojson: exists and is not part" in str(result.failures[0][1])
    assert stored(bucket)["slide-01.geojson"] == b"drawn by hand"


def test_an_upload_of_a_machine_that_died_is_no_work_of_others(bucket, made_slides):
    for name in ("slide-01.partial", "slide-01.ome.tif"):
        bucket.put(b"", f"maps/{name}")
    assert not segmented(find_slides(made_slides)[:1], OUTPUT).failures
    assert "slide-01.partial" not in stored(bucket)


def test_storage_that_is_not_there(other_aws, made_slides):
    other_aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CarcinomapError, match=r"s3://nowhere/maps: .*cannot be reached"):
        segmented(find_slides(made_slides)[:1], "s3://nowhere/maps")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("s3://no-bucket/maps", "s3://no-bucket/maps: no such bucket"),
        ("http://127.0.0.1:9/maps", "cannot put files there"),
    ],
)
def test_where_nothing_can_be_put_no_slide_is_mapped(bucket, made_slides, output, said):
    with pytest.raises(InputError, match=said):
        segment_slides(
            find_slides(made_slides)[:1], FakeRuntime(unwanted, mpp=4.0), model(), output, SETTINGS
        )
