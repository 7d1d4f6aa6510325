"""All figures: what they show, that they survive odd input, and that their bytes depend on the input alone."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from stability_gap.analysis.bands import gain_slopes
from stability_gap.errors import UserError
from stability_gap.presentation import style
from stability_gap.presentation.curves import context_starts, draw_curves
from stability_gap.presentation.gain_per_task import draw_gain_per_task
from stability_gap.presentation.tradeoff import draw_tradeoff
from stability_gap.presentation.zoom import draw_zoom

BENCHMARK = "split_digits"


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def all_figures(suite) -> dict[str, Figure]:
    evaluations, training = suite.evaluations[BENCHMARK], suite.training[BENCHMARK]
    return {
        "curves": draw_curves(BENCHMARK, evaluations, training),
        "zoom": draw_zoom(BENCHMARK, evaluations),
        "gain_per_task": draw_gain_per_task(suite.metrics, gain_slopes(suite.metrics)),
        "tradeoff": draw_tradeoff(suite.metrics),
    }


def without(table, optimizer: str):
    return table[table["optimizer"] != optimizer]


def test_same_bytes_from_two_calls_and_rows_in_any_order(small, tmp_path):
    shuffled = type(small)(
        {BENCHMARK: small.evaluations[BENCHMARK].sample(frac=1, random_state=1)},
        {BENCHMARK: small.training[BENCHMARK].sample(frac=1, random_state=1)},
        small.metrics.sample(frac=1, random_state=1),
        small.summary,
        small.statistics,
    )
    first, again, other = all_figures(small), all_figures(small), all_figures(shuffled)
    for name in first:
        assert style.render(first[name], "svg") == style.render(again[name], "svg")
        assert style.render(first[name], "png") == style.render(other[name], "png")


def test_same_bytes_in_processes_with_other_hash_seeds(tmp_path):
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "import synthetic_results, test_figures; from stability_gap.presentation import style, formats, tables\n"
        "suite = synthetic_results.make_suite({'split_digits': 2}, range(42, 45), 30)\n"
        "for name, figure in test_figures.all_figures(suite).items():\n"
        "    style.save(figure, Path(sys.argv[2]) / name)\n"
        "formats.save_table(tables.table1(suite.summary, suite.statistics), Path(sys.argv[2]))\n"
    )
    digests = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        arguments = [sys.executable, "-c", code, str(Path(__file__).parent), str(folder)]
        subprocess.run(arguments, env=environment, check=True)
        files = sorted(folder.iterdir())
        digests.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files})
    assert len(digests[0]) == 4 * 3 + 3
    assert digests[0] == digests[1]


def test_no_figure_stays_behind(small):
    before = dict(mpl.rcParams)
    for figure in all_figures(small).values():
        style.render(figure, "svg")
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    assert dict(mpl.rcParams) == before


def test_curves_name_contexts_and_seeds(small):
    figure = draw_curves(BENCHMARK, small.evaluations[BENCHMARK], small.training[BENCHMARK])
    text = texts(figure)
    for expected in ("Split digits", "context 1", "context 2", "NGM-SGD (n = 3)", "Gain,\noutput layer"):
        assert expected in text
    assert len(figure.axes) == 4


def test_curves_draw_the_mean_over_seeds(small):
    evaluations = small.evaluations[BENCHMARK]
    figure = draw_curves(BENCHMARK, evaluations, small.training[BENCHMARK])
    first, seen = figure.axes[:2]
    adam = style.looks(["adam"])["adam"].colour
    line = next(line for line in seen.lines if line.get_color() == adam)
    expected = evaluations[evaluations["optimizer"] == "adam"].groupby("iteration")["accuracy"].mean()
    np.testing.assert_allclose(line.get_ydata(), expected.to_numpy(), rtol=1e-6)
    line = next(line for line in first.lines if line.get_color() == adam)
    of_task = evaluations[(evaluations["optimizer"] == "adam") & (evaluations["task"] == 1)]
    np.testing.assert_allclose(line.get_ydata(), of_task.groupby("iteration")["accuracy"].mean().to_numpy(), rtol=1e-6)


def test_curves_without_gain_have_no_gain_row(small):
    evaluations, training = (without(table[BENCHMARK], "ngm_sgd") for table in (small.evaluations, small.training))
    figure = draw_curves(BENCHMARK, evaluations, training)
    assert len(figure.axes) == 3
    assert "NGM-SGD" not in texts(figure)


def test_a_diverged_run_is_at_chance_and_named(small):
    evaluations = small.evaluations[BENCHMARK].copy()
    gone = (evaluations["optimizer"] == "adam") & (evaluations["seed"] == 43) & (evaluations["iteration"] > 40)
    evaluations.loc[gone, ["accuracy", "loss"]] = np.nan
    for figure in (
        draw_curves(BENCHMARK, evaluations, small.training[BENCHMARK], classes=10),
        draw_zoom(BENCHMARK, evaluations, classes=10),
    ):
        assert "Adam (n = 3, 1 diverged)" in texts(figure)
        assert "MSGD (n = 3)" in texts(figure)
        style.render(figure, "png")
    with pytest.raises(UserError, match="classes"):
        draw_zoom(BENCHMARK, evaluations)


def test_one_seed_has_no_band_and_is_drawn(small):
    tables = [table[table["seed"] == 42] for table in (small.evaluations[BENCHMARK], small.training[BENCHMARK])]
    metrics = small.metrics[small.metrics["seed"] == 42]
    figures = [draw_curves(BENCHMARK, *tables), draw_zoom(BENCHMARK, tables[0]), draw_tradeoff(metrics)]
    figures.append(draw_gain_per_task(metrics, gain_slopes(metrics)))
    for figure in figures:
        assert "n = 1" in texts(figure)
        assert "nan" not in texts(figure)
        style.render(figure, "png")


def test_zoom_shows_the_chosen_switches(suite):
    evaluations = suite.evaluations["split_mnist"]
    assert len(draw_zoom("split_mnist", evaluations).axes) == 8
    figure = draw_zoom("split_mnist", evaluations, switches=[3])
    assert "switch to task 3" in texts(figure)
    assert "switch to task 2" not in texts(figure)


def test_zoom_draws_every_seed(small):
    figure = draw_zoom(BENCHMARK, small.evaluations[BENCHMARK])
    adam = style.looks(["adam"])["adam"].colour
    assert len([line for line in figure.axes[0].lines if line.get_color() == adam]) == 3 + 1


def test_zoom_of_one_context_says_so(small):
    evaluations = small.evaluations[BENCHMARK]
    assert "no context switch" in texts(draw_zoom(BENCHMARK, evaluations[evaluations["context"] == 1]))


def test_gain_per_task_shows_the_fit(small):
    fits = gain_slopes(small.metrics)
    text = texts(draw_gain_per_task(small.metrics, fits))
    slope = fits.loc[fits["optimizer"] == "ngm_sgd", "slope"].iloc[0]
    assert f"slope {slope:.3f}".replace("-", "−") in text
    assert "n = 3" in text


def test_gain_per_task_without_gain_says_so(small):
    metrics = without(small.metrics, "ngm_sgd")
    assert "No optimizer" in texts(draw_gain_per_task(metrics, gain_slopes(metrics)))


def test_tradeoff_names_every_optimizer_and_diverged_runs(small):
    metrics = small.metrics.copy()
    is_gone = (metrics["optimizer"] == "adam") & (metrics["seed"] == 43)
    metrics.loc[is_gone & (metrics["metric"] == "diverged"), "value"] = 1.0
    text = texts(draw_tradeoff(metrics))
    for expected in ("Split digits (n = 3)", "Adam: 1 diverged", "SGD", "MSGD", "NGM-SGD", "↖ better"):
        assert expected in text


def test_tradeoff_without_an_optimizer_and_with_undefined_gaps(small):
    metrics = without(small.metrics, "ngm_sgd").copy()
    metrics.loc[(metrics["optimizer"] == "sgd") & metrics["metric"].str.startswith("avg_sg"), "value"] = np.nan
    style.render(draw_tradeoff(metrics), "png")


@pytest.mark.parametrize("every", [1, 2, 5])
def test_a_context_starts_after_the_last_update_of_the_one_before(every: int) -> None:
    iterations = range(every, 31, every)  # three contexts of ten updates
    evaluations = pd.DataFrame({"iteration": iterations, "context": [(iteration - 1) // 10 + 1 for iteration in iterations]})
    assert context_starts(evaluations) == {1: 1, 2: 11, 3: 21}
