import io
import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from stability_gap.errors import UserError
from stability_gap.presentation import style


def draw() -> Figure:
    figure = style.new_figure(2, 1.5)
    with style.applied():
        axes = figure.subplots()
        axes.plot([1, 2, 2.5], [3, 4, 3])
        axes.set_title("accuracy")
    return figure


def test_save_writes_three_files_with_the_same_bytes_twice(tmp_path):
    first = style.save(draw(), tmp_path / "a.b")
    assert [path.name for path in first] == ["a.b.svg", "a.b.pdf", "a.b.png"]
    assert sorted(tmp_path.iterdir()) == sorted(first)
    for path, again in zip(first, style.save(draw(), tmp_path / "other"), strict=True):
        assert path.read_bytes() == again.read_bytes()


def test_saving_one_figure_twice_gives_the_same_bytes(tmp_path):
    figure = draw()
    for path, again in zip(style.save(figure, tmp_path / "a"), style.save(figure, tmp_path / "b"), strict=True):
        assert path.read_bytes() == again.read_bytes()


def test_somebodys_matplotlibrc_changes_nothing():
    own = {"axes.grid": True, "savefig.bbox": "tight", "savefig.facecolor": "pink", "xtick.top": True, "path.simplify": False}
    plain = {form: style.render(draw(), form) for form in ("svg", "pdf", "png")}
    with mpl.rc_context(own):
        assert {form: style.render(draw(), form) for form in plain} == plain
        assert mpl.rcParams["savefig.facecolor"] == "pink"  # as it was, for what is drawn elsewhere


def test_files_hold_no_date_and_no_version():
    for form in ("svg", "pdf", "png"):
        content = style.render(draw(), form)
        assert b"Date" not in content
        assert mpl.__version__.encode() not in content


def places(path: str) -> np.ndarray:
    """Points of an SVG polyline, of absolute (L) or relative steps (l)."""
    here, found = np.zeros(2), []
    for command, text in re.findall(r"([MLl])([^MLlz]*)", path):
        step = np.array([float(each) for each in re.findall(r"-?[\d.]+", text)])
        here = here + step if command == "l" else step
        found.append(here)
    return np.array(found)


def test_shortened_paths_are_the_same_to_a_tenth_of_a_point():
    rng = np.random.default_rng(0)
    points = np.cumsum(rng.normal(0, 3, (200, 2)), axis=0)
    path = "M" + "\nL".join(f"{x:.6f} {y:.6f}" for x, y in points)
    short = style._PATHS.sub(style._shortened, f' d="{path} z"'.encode()).decode()
    assert len(short) < 0.5 * len(path)
    assert short.endswith('z"')
    np.testing.assert_allclose(places(short), points, atol=0.0501)


def test_a_path_with_curves_stays_as_it_is():
    letter = b' d="M0.5 0.25Q1.125 1 2 2z"'
    assert style._PATHS.sub(style._shortened, letter) == letter


def test_the_palette_of_a_png_keeps_its_look():
    figure = draw()
    plain = io.BytesIO()
    style.freeze(figure)
    with style.applied():
        figure.savefig(plain, format="png")
    small = style.render(figure, "png")
    assert len(small) < len(plain.getvalue())
    before, after = (np.asarray(Image.open(io.BytesIO(each)).convert("RGB"), dtype=int) for each in (plain.getvalue(), small))
    assert np.abs(before - after).max() <= 32
    assert np.abs(before - after).mean() < 0.5


def test_settings_of_matplotlib_are_left_as_they_were():
    before = dict(mpl.rcParams)
    style.render(draw(), "svg")
    assert dict(mpl.rcParams) == before


def test_save_names_the_file_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        style.save(draw(), tmp_path / "file" / "figure")


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("presentation.figures.registry", ("matplotlib", "seaborn", "pandas", "torch")),
        ("presentation.tables, stability_gap.presentation.comparison", ("matplotlib.pyplot", "seaborn", "torch", "snakemake")),
        ("presentation.figures.per_suite.tradeoff", ("torch", "snakemake")),
    ],
)
def test_imports_are_light(modules, absent):
    code = f"import sys, stability_gap.{modules}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
