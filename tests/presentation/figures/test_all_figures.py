"""All figures: same bytes for the same input, nothing left behind, small files, odd input survived."""

import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from drawn import all_figures, texts
from matplotlib.text import Text

from stability_gap.presentation import style

MOST_BYTES = 3_000_000
"""Of the published figures of a suite."""


def test_same_bytes_from_two_calls_and_rows_in_any_order(small, looks):
    def shuffled(tables):
        return {name: table.sample(frac=1, random_state=1) for name, table in tables.items()}

    other = dataclasses.replace(
        small,
        evaluations=shuffled(small.evaluations),
        training=shuffled(small.training),
        metrics=small.metrics.sample(frac=1, random_state=1),
    )
    first, again, mixed = all_figures(small, looks), all_figures(small, looks), all_figures(other, looks)
    for name in first:
        assert style.render(first[name], "svg") == style.render(again[name], "svg"), name
        assert style.render(first[name], "png") == style.render(mixed[name], "png"), name


def test_same_bytes_in_processes_with_other_hash_seeds(tmp_path, small, looks):
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[1:3]\n"
        "import synthetic_results, drawn; from stability_gap.presentation import style, formats, tables\n"
        "from stability_gap.analysis.metrics.registry import METRICS\n"
        "from stability_gap.presentation.looks import looks_from\n"
        "suite, looks = synthetic_results.make_suite({'split_digits': 2}, range(42, 45), 30), looks_from({}, 'adam')\n"
        "for name, figure in drawn.all_figures(suite, looks).items():\n"
        "    style.save(figure, Path(sys.argv[3]) / name)\n"
        "table = tables.metric_table('t', 'T', ['avg_acc'], METRICS, suite.summary, suite.statistics, looks)\n"
        "formats.save_table(table, Path(sys.argv[3]))\n"
    )
    digests = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        here = Path(__file__).parent
        subprocess.run([sys.executable, "-c", code, str(here.parent), str(here), str(folder)], env=environment, check=True)
        files = sorted(folder.iterdir())
        digests.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files})
    assert len(digests[0]) == len(all_figures(small, looks)) * 3 + 4
    assert digests[0] == digests[1]


def test_no_figure_and_no_setting_stays_behind(small, looks):
    before = dict(mpl.rcParams)
    for figure in all_figures(small, looks).values():
        style.render(figure, "svg")
    assert not sys.modules["matplotlib.pyplot"].get_fignums()
    assert dict(mpl.rcParams) == before


def test_figures_of_a_suite_stay_small(suite, looks):
    figures = all_figures(suite, looks)
    size = {name: sum(len(style.render(figure, form)) for form in ("svg", "pdf", "png")) for name, figure in figures.items()}
    assert 3 * (size["curves"] + size["zoom"]) + size["gain_per_task"] + size["tradeoff"] < MOST_BYTES, size


def test_one_seed_has_no_interval_and_is_drawn(small, looks):
    def first(tables):
        return {name: table[table["seed"] == 42] for name, table in tables.items()}

    one = dataclasses.replace(
        small,
        evaluations=first(small.evaluations),
        training=first(small.training),
        metrics=small.metrics[small.metrics["seed"] == 42],
    )
    for figure in all_figures(one, looks).values():
        assert "n = 1 seed" in texts(figure)
        assert "nan" not in texts(figure)
        style.render(figure, "png")


def test_n_stands_once(suite, looks):
    for name, figure in all_figures(suite, looks).items():
        assert texts(figure).count("n = ") == 1, name


def drawn_texts(figure):
    """All texts that are drawn: of the ticks only those within their axis."""
    ticks = {axis: axis._update_ticks() for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)}
    hidden = {id(tick.label1) for axis in ticks for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]}
    shown = {id(tick.label1) for drawn in ticks.values() for tick in drawn}
    hidden |= {id(text) for axis in ticks if not axis.axes.axison for text in [axis.label, *axis.axes.texts]}
    for text in figure.findobj(Text):
        of_panel = text.axes is None or (text.axes.get_visible() and (text.axes.axison or id(text) not in shown))
        if text.get_visible() and text.get_text().strip() and of_panel and (id(text) in shown or id(text) not in hidden):
            yield text.get_text(), text.get_window_extent()


@pytest.mark.parametrize("benchmarks", [None, 1])
def test_no_text_runs_into_another_or_out_of_the_figure(suite, looks, benchmarks):
    few = sorted(set(suite.metrics["benchmark"]))[:benchmarks]
    chosen = dataclasses.replace(suite, metrics=suite.metrics[suite.metrics["benchmark"].isin(few)])
    for name, figure in all_figures(chosen, looks).items():
        style.freeze(figure)
        texts_drawn = list(drawn_texts(figure))
        assert len(texts_drawn) > 8
        for place, (text, box) in enumerate(texts_drawn):
            edge = figure.bbox
            assert min(box.x0 - edge.x0, edge.x1 - box.x1, box.y0 - edge.y0, edge.y1 - box.y1) >= -1, (name, text)
            for other, beside in texts_drawn[place + 1 :]:
                wide = min(box.x1, beside.x1) - max(box.x0, beside.x0)
                high = min(box.y1, beside.y1) - max(box.y0, beside.y0)
                assert wide <= 2 or high <= 2, (name, text, other)


@pytest.mark.parametrize("kind", ["curves", "zoom", "tradeoff", "gain_per_task"])
def test_one_optimizer_alone(small, looks, kind):
    alone = dataclasses.replace(
        small,
        evaluations={name: table[table["optimizer"] == "adam"] for name, table in small.evaluations.items()},
        training={name: table[table["optimizer"] == "adam"] for name, table in small.training.items()},
        metrics=small.metrics[small.metrics["optimizer"] == "adam"],
    )
    style.render(all_figures(alone, looks)[kind], "svg")
