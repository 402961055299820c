import io
import json
import tracemalloc

import ijson
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from carcinomap.annotation import AnnotationSet, format_of, read_annotations
from carcinomap.annotation.formats.json_bytes import JsonBytes
from carcinomap.annotation.formats.json_reader import Wanted, open_json
from carcinomap.errors import InputError

WHOLE = (
    '{"type": "FeatureCollection", "mpp": 0.5, "features": [\n'
    '{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": '
    '[[[0, 0], [9.5, 0], [9, 9]], [[1, 0.5], [2, 0.5], [2, 1]]]}, "properties": '
    '{"classification": {"name": "Bénin \\"癌\\" \\ud83d\\ude00", "color": [1, 2, 3]}, '
    '"a": NaN}},\n'
    '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}]}\n'
)
DOCUMENT = (
    '{"elements": [{"type": "polyline", "closed": true, "points": [[0, 0], [9, 0], [9, 9]]}]}'
)


def read(folder, content):
    path = folder / "slide.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_annotations(path)


def with_ring(ring):
    """Return a file whose second feature has a ring."""
    start, end = '{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [', "]}}"
    features = f"{start}[[0, 0], [9, 0], [9, 9]]{end}, {start}{ring}{end}"
    return f'{{"type": "FeatureCollection", "features": [{features}]}}'


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le with mark", "utf-16-be with mark"]
)
def test_encodings_that_say_what_they_are(tmp_path, encoding):
    name, _, mark = encoding.partition(" ")
    annotations = read(tmp_path, ("\ufeff" * bool(mark) + WHOLE).encode(name))
    assert list(annotations.labels()) == ['Bénin "癌" 😀']
    assert annotations.regions == 2


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le", "utf-16-be", "utf-32", "cp500"])
def test_other_encodings_are_refused(tmp_path, encoding):
    with pytest.raises(InputError, match=r"slide\.json"):
        read(tmp_path, WHOLE.replace("癌", "é").encode(encoding))


@pytest.mark.parametrize("name", ["yajl2_c", "python"])
@pytest.mark.parametrize(
    "vertex",
    [
        *("[NaN, 1]", "[-Infinity, 1]", "[1e999, 1]", "[1, -1e999]", f"[{'9' * 400}, 1]"),
        *("[1e10, 0]", '["1", "2"]', "[1]", "[]", "[[1, 2]]", "[null, 1]", "[true, 1]", "7"),
        *("null", "{}", '"x"', "[1, 2", "[1 2]", "[0x1, 2]"),
    ],
)
def test_a_vertex_that_is_no_point_names_file_and_feature(tmp_path, monkeypatch, vertex, name):
    monkeypatch.setattr(ijson, "basic_parse", ijson.get_backend(name).basic_parse)
    with pytest.raises(InputError, match=r"slide\.json: feature 2\b"):
        read(tmp_path, with_ring(f"[[0, 0], [9, 9], {vertex}, [0, 9]]"))


def test_further_coordinates_of_a_point_do_not_matter(tmp_path):
    mixed = read(tmp_path, with_ring("[[0, 0, 5], [9, 0], [9, 9, 1, 2, 3]]"))
    assert [one.geometry.area for one in mixed.annotations] == [40.5, 40.5]


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"type": "GeometryCollection", "geometries": [' * 50_000,
        '{"type": "Feature", "geometry": null, "properties": {"children": [' * 50_000,
        with_ring("[" * 100_000),
        with_ring("[" * 100_000 + "]" * 100_000),
        '{"annotation":' * 100_000,
        '{"elements": ' + "[" * 100_000,
    ],
)
def test_deep_nesting_is_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"slide\.json"):
        read(tmp_path, content)


def test_deep_nesting_of_what_does_not_matter_is_passed_over(tmp_path):
    deep = "[" * 100_000 + "]" * 100_000
    assert read(tmp_path, WHOLE.replace("NaN", deep)).regions == 2


@pytest.mark.parametrize(
    "content",
    [
        *(
            "",
            " \n",
            "nul",
            '"x"',
            "3",
            "{}",
            "[[]]",
            "[{}]",
            "\ufeff",
            "<a/>",
            '{"type": "Topology"}',
        ),
        *('{"annotations": [], "images": []}', '{"slide": "a", "classes": {}}'),
    ],
)
def test_other_json_is_no_annotation(tmp_path, content):
    with pytest.raises(InputError, match=r"slide\.json"):
        read(tmp_path, content)


@pytest.mark.parametrize("more", ["{}", "x", "\0", ","])
def test_nothing_may_follow(tmp_path, more):
    with pytest.raises(InputError, match=r"slide\.json: not JSON, or not all of it \(.*garbage"):
        read(tmp_path, WHOLE + more)


def test_the_content_says_which_format_it_is(tmp_path):
    names = {WHOLE: "QuPath GeoJSON", DOCUMENT: "DSA (HistomicsTK) JSON", "[]": "QuPath GeoJSON"}
    swapped = '{"features": [{"properties": {"elements": [], "annotation": {"name": "x"}}}]}'
    bare = '{"coordinates": [' + "[0, 0], " * 20_000
    for content, name in (names | {swapped: "QuPath GeoJSON", bare: "QuPath GeoJSON"}).items():
        path = tmp_path / "file.txt"
        path.write_text(content, encoding="utf-8")
        found = format_of(path)
        assert found is not None
        assert found.name == name


def test_a_lone_surrogate_becomes_a_character(tmp_path):
    text = WHOLE.replace("\\ud83d\\ude00", "\\ud83d")
    (label,) = read(tmp_path, text).labels()
    assert label.encode().startswith('Bénin "癌" '.encode())


def test_the_last_of_equal_keys_counts(tmp_path):
    assert read(tmp_path, WHOLE.replace('"mpp": 0.5', '"mpp": 0.5, "mpp": 0.25')).mpp == 0.25


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for place in (tmp_path, tmp_path / "none.json"):
        with (
            pytest.raises(InputError, match="cannot be read"),
            open_json(place, Wanted(frozenset(), frozenset())),
        ):
            pass


@pytest.mark.parametrize("content", [WHOLE, DOCUMENT])
def test_a_file_cut_anywhere_is_refused(tmp_path, content):
    data = content.encode().rstrip()
    for length in range(len(data)):
        with pytest.raises(InputError, match=r"slide\.json: "):
            read(tmp_path, data[:length])
    assert len(read(tmp_path, data)) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.sampled_from([WHOLE.encode(), DOCUMENT.encode()]),
    st.floats(0, 1),
    st.binary(max_size=4) | st.sampled_from([b"[", b"]", b"{", b"}", b",", b'"', b"NaN", b"null"]),
    st.integers(0, 12),
)
def test_a_damaged_file_never_breaks_the_reader(tmp_path, whole, place, inserted, lost):
    at = round(place * len(whole))
    try:
        annotations = read(tmp_path, whole[:at] + inserted + whole[at + lost :])
    except InputError:
        return
    assert isinstance(annotations, AnnotationSet)
    assert all(one.geometry.is_valid for one in annotations.annotations)


@given(
    st.recursive(
        st.floats(allow_nan=True) | st.text(st.sampled_from('NaN"\\-Infinity, é'), max_size=20),
        lambda inner: (
            st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=30,
    ),
    st.integers(1, 40),
    st.booleans(),
)
@example(["-Infinity", float("nan"), -float("inf")], 1, True)
@example({"a\\": float("nan"), '"': ["NaN", float("inf")]}, 3, False)
def test_what_is_no_number_becomes_null_wherever_a_chunk_ends(value, size, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    for encoding in ("utf-8", "utf-16"):
        file = JsonBytes(io.BytesIO(text.encode(encoding)))
        read_back = b"".join(iter(lambda: file.read(size), b""))  # noqa: B023
        assert json.loads(read_back, parse_constant=pytest.fail) == finite(value)


def finite(value):
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("rings", [1, 400])
def test_memory_is_that_of_the_vertices_kept(tmp_path, rings):
    corners = 120_000 // rings
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    ring = np.round(np.column_stack((np.cos(turn), np.sin(turn))) * 20_000, 2).tolist()
    geometry = {"type": "Polygon", "coordinates": [ring]}
    measured = {"measurements": {str(number): number for number in range(200)}}
    feature = {"type": "Feature", "geometry": geometry, "properties": measured}
    content = json.dumps({"type": "FeatureCollection", "features": [feature] * rings}).encode()
    path = tmp_path / "slide.json"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        annotations = read_annotations(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(annotations) == rings
    assert peak < 3 * 16 * corners * rings
