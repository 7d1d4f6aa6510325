import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from stability_gap.errors import UserError
from stability_gap.presentation import style


def draw() -> Figure:
    figure = style.new_figure(2, 1.5)
    with style.applied():
        axes = figure.subplots()
        axes.plot([1, 2], [3, 4])
        axes.set_title("accuracy")
    return figure


def test_main_optimizers_keep_their_look_whatever_else_is_there():
    alone = style.looks(["ngm_sgd"])["ngm_sgd"]
    among = style.looks(["zzz", "adam", "ngm_sgd", "aaa"])
    assert among["ngm_sgd"] == alone
    assert list(among) == ["adam", "ngm_sgd", "aaa", "zzz"]
    assert len({look.colour for look in among.values()}) == 4
    assert len({look.marker for look in among.values()}) == 4


def test_order_of_the_input_does_not_matter():
    assert style.looks(["b", "a", "sgd"]) == style.looks(["sgd", "a", "b", "a"])


@pytest.mark.parametrize(
    ("optimizer", "label"),
    [("ngm_sgd", "NGM-SGD"), ("msgd_reset", "MSGD, reset"), ("sgd_matched", "SGD, matched lr"), ("my_own", "my_own")],
)
def test_optimizer_labels(optimizer, label):
    assert style.optimizer_label(optimizer) == label


@pytest.mark.parametrize(
    ("benchmark", "label"),
    [
        ("split_mnist", "Split MNIST"),
        ("rotated_digits", "Rotated digits"),
        ("domain_cifar100_v1", "Domain CIFAR-100 (v1)"),
        ("split_mini_imagenet", "Split mini-ImageNet"),
        ("split_digits_smoke", "Split digits smoke"),
    ],
)
def test_benchmark_labels(benchmark, label):
    assert style.benchmark_label(benchmark) == label


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


def test_files_hold_no_date_and_no_version():
    for form in ("svg", "pdf", "png"):
        content = style.render(draw(), form)
        assert b"Date" not in content
        assert mpl.__version__.encode() not in content


def test_settings_of_matplotlib_are_left_as_they_were():
    before = dict(mpl.rcParams)
    style.render(draw(), "svg")
    assert dict(mpl.rcParams) == before


def test_save_names_the_file_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        style.save(draw(), tmp_path / "file" / "figure")


def test_import_is_light():
    code = (
        "import sys, stability_gap.presentation.curves, stability_gap.presentation.comparison;"
        "print([m for m in ('torch', 'seaborn', 'matplotlib.pyplot', 'snakemake') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
