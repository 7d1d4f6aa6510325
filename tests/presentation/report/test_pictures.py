import base64

import pytest

from stability_gap.config.model import FIGURES
from stability_gap.errors import UserError
from stability_gap.presentation.figures import registry
from stability_gap.presentation.report.pictures import groups, table_fragments


def test_figures_are_grouped_by_kind_in_the_order_of_benchmarks(finished):
    found = groups(finished.folder, registry.chosen(FIGURES), ["split_mnist", "rotated_digits"], finished.looks)
    assert [group.kind for group in found] == list(registry.chosen(FIGURES))
    curves = next(group for group in found if group.kind == "curves")
    assert [(picture.name, picture.of) for picture in curves.pictures] == [
        ("curves_split_mnist", "Split <MNIST>"),
        ("curves_rotated_digits", "rotated_digits"),
    ]
    assert curves.title.startswith("Accuracy, test loss and gain")
    assert "\n" not in curves.caption
    picture = curves.pictures[0]
    content = (finished.folder / "figures" / "curves_split_mnist.png").read_bytes()
    assert base64.b64decode(picture.uri.removeprefix("data:image/png;base64,")) == content
    assert picture.width == 100


@pytest.mark.parametrize("content", [None, b"no image"])
def test_a_figure_that_is_missing_or_damaged_is_named(finished, tmp_path, content):
    if content is not None:
        (tmp_path / "figures").mkdir()
        (tmp_path / "figures" / "curves_split_mnist.png").write_bytes(content)
    with pytest.raises(UserError, match=r"curves_split_mnist\.png cannot be read .*make it first"):
        groups(tmp_path, registry.chosen(FIGURES), ["split_mnist"], finished.looks)


def test_tables_keep_bold_marks_and_notes_and_scroll_alone(finished):
    tables = table_fragments(finished.folder, ["paper_comparison", "table2", "table1"])
    assert list(tables) == ["table1", "table2", "paper_comparison"]
    assert tables["table1"].count('<div class="scroll" tabindex="0"><table') == 1
    assert "font-weight: bold" in tables["table1"]
    assert "Bold: best mean" in tables["table1"]
    assert "<html" not in tables["table1"]


def test_a_table_without_rows_is_left_out(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "none.html").write_text("<style></style><body><table></table></body>")
    assert table_fragments(tmp_path, ["none"]) == {}


@pytest.mark.parametrize("text", [None, "nothing"])
def test_tables_that_are_missing_or_damaged_are_named(tmp_path, text):
    (tmp_path / "tables").mkdir()
    if text is not None:
        (tmp_path / "tables" / "table1.html").write_text(text)
    with pytest.raises(UserError, match=r"table1\.html holds no table; .* make it again"):
        table_fragments(tmp_path, ["table1"])
