import json
import subprocess
import sys
import time

import pytest

from carcinomap.doctor import examine
from carcinomap.doctor.examine import _child, _lines
from carcinomap.doctor.line import Line, why
from carcinomap.doctor.probes import libraries


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Return what puts a module before the one that is installed."""
    monkeypatch.syspath_prepend(tmp_path)

    def fake(name, code):
        (tmp_path / f"{name}.py").write_text(code)

    return fake


def of(report, name):
    (line,) = (one for lines in report.sections.values() for one in lines if one.name == name)
    return line


def test_what_is_installed_here_works():
    report = examine({"slides": ("libraries", "slides"), "cores": ("processor",)})
    assert list(report.sections) == ["slides", "cores"]
    assert report.healthy, report.of("broken")
    for name in ("numpy", "OpenSlide", "TIFF slides", "JPEG tiles", "JPEG 2000 tiles", "cores"):
        assert of(report, name).said
    told = json.loads(json.dumps(report.to_dict()))
    assert told["healthy"] is True
    assert {"name", "state", "said", "advice", "facts"} == set(told["sections"]["slides"][0])


def test_a_library_that_raises_stops_no_other(fakes):
    fakes("shapely", "raise ImportError('libgeos.so: no such file')")
    report = examine({"": ("libraries",)})
    assert not report.healthy
    assert [line.name for line in report.of("broken")] == ["shapely"]
    line = of(report, "shapely")
    assert "libgeos.so" in line.said
    assert line.advice == "pip install --force-reinstall shapely"


def test_what_is_not_needed_is_no_failure(fakes):
    fakes("onnx", "raise ImportError('no protobuf')")
    report = examine({"": ("extras",)})
    assert report.healthy
    assert (of(report, "[export]").state, of(report, "[cluster]").state) == ("note", "ok")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("import os; os.write(2, b'no such driver'); os._exit(3)", "with 3: no such driver"),
    ],
)
def test_a_library_that_ends_its_process_ends_no_look_at_another(fakes, code, said):
    fakes("scipy", code)
    fakes("shapely", code)
    report = examine({"": ("libraries",), "limits": ("limits",)})
    assert [line.name for line in report.sections[""]] == list(libraries.PARTS)
    assert [line.name for line in report.of("broken")] == ["scipy", "shapely"]
    assert said in of(report, "shapely").said
    assert report.sections["limits"]


def test_a_library_that_hangs_is_not_waited_for(fakes, tmp_path):
    begun = tmp_path / "begun"
    fakes("numpy", f"import time; open({str(begun)!r}, 'w'); time.sleep(600)")
    with _child("libraries") as process:
        while not begun.exists():
            time.sleep(0.05)
        (line,) = _lines("libraries", process, time.monotonic() + 2)
    assert process.poll() is not None
    assert (line.name, line.state) == ("numpy", "broken")
    assert "too long" in line.said


def test_what_libraries_print_is_no_line(fakes):
    fakes("psutil", "print('{\"line\": 1}'); raise SystemExit(0)")
    (line,) = (one for one in examine({"": ("memory",)}).sections[""] if one.name == "memory")
    assert (line.state, line.said) == ("broken", "SystemExit: 0")


def test_a_probe_that_cannot_begin_is_a_line():
    report = examine({"": ("no_such_probe",)})
    assert not report.healthy
    assert "no_such_probe" in report.sections[""][0].said


def test_no_library_that_may_be_broken_is_needed_to_begin():
    code = "import sys, carcinomap.doctor; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"numpy", "torch", "cv2", "openslide", "pydantic"} & set(done.stdout.split())


def test_reasons_fit_a_line():
    assert why(ModuleNotFoundError("No module named 'x'")) == "not installed (No module named 'x')"
    assert why(ValueError()) == "ValueError"
    assert len(why(ValueError("long\n" * 1000))) < 300


def test_lines_tell_what_to_do():
    report = examine({"": ("limits", "memory", "disk", "processor")})
    lines = [line for line in report.sections[""] if line.state != "ok"]
    assert all(isinstance(line, Line) and line.advice for line in lines)
