import math
import re
from pathlib import Path

import pandas as pd
import pytest

from stability_gap.analysis.metrics.registry import METRICS as REGISTERED
from stability_gap.errors import UserError
from stability_gap.presentation.formats import to_latex, to_markdown
from stability_gap.presentation.looks import looks_from
from stability_gap.presentation.tables import metric_table

PUBLISHED = Path(__file__).parents[2] / "paper_figures"
VALUES = {  # avg_acc, min_acc, wc_acc, avg_sg_first, avg_sg_previous, avg_sg_seen
    "ngm_sgd": (0.947, 0.881, 0.894, 0.04, 0.15, 0.09),
    "sgd": (0.872, 0.85, 0.86, 0.01, 0.05, 0.03),
    "adam": (0.9471, 0.5, 0.6, 0.25, 0.6, 0.4),
}
LOOKS = looks_from(
    {
        "benchmarks": {"split_digits": {"label": "Split digits"}},
        "optimizers": {
            "sgd": {"label": "SGD"},
            "msgd": {"label": "MSGD"},
            "adam": {"label": "Adam"},
            "ngm_sgd": {"label": "NGM-SGD"},
        },
    },
    "ngm_sgd",
)
METRICS = ["avg_acc", "min_acc", "wc_acc", "avg_sg_first", "avg_sg_previous", "avg_sg_seen"]


def make_summary(values=VALUES, n=10, sd=0.01, diverged=None) -> pd.DataFrame:
    diverged = diverged or {}
    return pd.DataFrame(
        [
            ("split_digits", optimizer, metric, math.nan, n, mean, sd, mean, mean, diverged.get(optimizer, 0))
            for optimizer, means in values.items()
            for metric, mean in zip(METRICS, means, strict=True)
        ],
        columns=["benchmark", "optimizer", "metric", "context", "n", "mean", "sd", "min", "max", "diverged"],
    )


def table1(summary, statistics, looks=LOOKS, metrics=METRICS):
    return metric_table("table1", "Accuracy and stability gap", metrics, REGISTERED, summary, statistics, looks)


def table2(summary, metrics=("sg_first", "sg_previous", "sg_seen")):
    return metric_table("table2", "Stability gap at each switch", metrics, REGISTERED, summary, make_statistics(), LOOKS)


def make_statistics(p_holm=0.01, n=10, note="") -> pd.DataFrame:
    """Pairs in the alphabet's order; avg_acc of adam against ngm_sgd is not significant."""
    rows = []
    for a, b in [("adam", "ngm_sgd"), ("adam", "sgd"), ("ngm_sgd", "sgd")]:
        for number, metric in enumerate(METRICS):
            p = 0.9 if (a, metric) == ("adam", "avg_acc") else p_holm
            difference = VALUES[a][number] - VALUES[b][number]
            rows.append(("split_digits", metric, a, b, n, difference, p, note, p < 0.05, 0.05))
    columns = ["benchmark", "metric", "optimizer_a", "optimizer_b", "n", "mean_difference", "p_holm", "note"]
    columns += ["significant", "alpha"]
    return pd.DataFrame(rows, columns=columns)


def test_table1_in_full():
    text = to_markdown(table1(make_summary(), make_statistics()))
    header = "avg-ACC (%) ↑ | min-ACC (%) ↑ | WC-ACC (%) ↑ | avg-SG first ↓ | avg-SG previous ↓ | avg-SG seen ↓ |"
    assert text == (
        "**Accuracy and stability gap.**\n"
        "\n"
        f"| Benchmark | Optimizer | {header}\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| Split digits | SGD | 87.2 ± 1.0† | 85.0 ± 1.0† | 86.0 ± 1.0† | **0.010 ± 0.010**‡ | **0.050 ± 0.010**‡ | "
        "**0.030 ± 0.010**‡ |\n"
        "|  | Adam | **94.7 ± 1.0** | 50.0 ± 1.0† | 60.0 ± 1.0† | 0.250 ± 0.010† | 0.600 ± 0.010† | 0.400 ± 0.010† |\n"
        "|  | NGM-SGD | **94.7 ± 1.0** | **88.1 ± 1.0** | **89.4 ± 1.0** | 0.040 ± 0.010 | 0.150 ± 0.010 | 0.090 ± 0.010 |\n"
        "\n"
        "Accuracy in percent; stability gap as the fall below the accuracy at the switch, as a fraction of it, on task 1 "
        "(first), the task before (previous) or all tasks before (seen, mean). Bold: best mean of the benchmark.\n"
        "\n"
        "Mean ± standard deviation over n = 10 seeds. No run diverged.\n"
        "\n"
        "† significantly worse, ‡ significantly better than NGM-SGD: two-sided sign-flip permutation test of the mean "
        "difference, paired by seed, Holm-adjusted within each benchmark and metric, p \\< 0.05.\n"
    )


def test_table1_numbers_are_fractions_and_unrounded():
    numbers = table1(make_summary(), make_statistics()).numbers
    columns = ["benchmark", "optimizer", "metric", "n", "mean", "sd", "diverged", "p_holm", "best", "mark"]
    assert list(numbers.columns) == columns
    adam = numbers[(numbers["optimizer"] == "adam") & (numbers["metric"] == "avg_acc")].iloc[0]
    assert (adam["mean"], adam["p_holm"], adam["best"], adam["mark"]) == (0.9471, 0.9, True, "")


def test_table1_is_the_same_for_rows_in_any_order():
    shuffled = make_summary().sample(frac=1, random_state=1), make_statistics().sample(frac=1, random_state=1)
    assert to_latex(table1(*shuffled)) == to_latex(table1(make_summary(), make_statistics()))


def test_table1_shows_diverged_runs():
    text = to_markdown(table1(make_summary(diverged={"adam": 2}), make_statistics()))
    assert "| Adam (2 diverged) | " in text
    assert "Diverged runs, counted as chance accuracy and a full gap: Adam on Split digits, 2 of 10." in text


def test_table1_of_one_seed_has_no_sd_and_no_marks():
    text = to_markdown(table1(make_summary(n=1, sd=math.nan), make_statistics(math.nan, 1, "n=1: no test")))
    assert "| Split digits | SGD | 87.2 | 85.0 | 86.0 | **0.010** | **0.050** | **0.030** |" in text
    assert "over n = 1 seed. No run diverged." in text
    assert "Too few seeds for marks: Split digits: n=1: no test." in text


def test_table1_says_where_n_is_too_small():
    note = "n=5 cannot reach 0.05; all differences equal: no effect size"
    text = to_markdown(table1(make_summary(n=5), make_statistics(0.2, 5, note)))
    assert text.endswith("\n\nToo few seeds for marks: Split digits: n=5 cannot reach 0.05.\n")


def test_table1_without_the_baseline_marks_nothing():
    values = {name: means for name, means in VALUES.items() if name != "ngm_sgd"}
    statistics = make_statistics().query("optimizer_a != 'ngm_sgd' and optimizer_b != 'ngm_sgd'")
    text = to_markdown(table1(make_summary(values), statistics))
    assert "NGM-SGD was not run here, so nothing is marked." in text
    assert "†" not in text


def test_table1_of_one_optimizer_alone():
    statistics = make_statistics().iloc[:0]
    text = to_markdown(table1(make_summary({"ngm_sgd": VALUES["ngm_sgd"]}), statistics))
    assert "| Split digits | NGM-SGD | **94.7 ± 1.0** |" in text


def test_table1_shows_undefined_values_and_missing_metrics():
    summary = make_summary()
    summary.loc[(summary["optimizer"] == "sgd") & (summary["metric"] == "avg_sg_first"), ["n", "mean", "sd"]] = (
        0,
        math.nan,
        math.nan,
    )
    summary = summary[summary["metric"] != "avg_sg_seen"]
    text = to_markdown(table1(summary, make_statistics()))
    assert "| 86.0 ± 1.0† | – | **0.050 ± 0.010**‡ | – |" in text
    assert "**0.040 ± 0.010**" in text
    assert "Some values are undefined for some seeds: SGD on Split digits, down to n = 0." in text


def test_table1_says_once_what_nobody_has():
    summary, statistics = make_summary(), make_statistics()
    summary.loc[summary["metric"] == "avg_sg_first", ["n", "mean", "sd"]] = (0, math.nan, math.nan)
    statistics.loc[statistics["metric"] == "avg_sg_first", "note"] = "n=0: no test"
    text = to_markdown(table1(summary, statistics))
    assert "Undefined on Split digits: avg-SG first." in text
    assert "Some values are undefined" not in text
    assert "no test" not in text


def test_missing_columns_are_named():
    with pytest.raises(UserError, match=r"summary\.csv lacks the column\(s\) diverged"):
        table1(make_summary().drop(columns="diverged"), make_statistics())
    with pytest.raises(UserError, match=r"statistics\.csv lacks the column\(s\) p_holm"):
        table1(make_summary(), make_statistics().drop(columns="p_holm"))


def test_table2_in_full():
    columns = ["benchmark", "optimizer", "metric", "context", "n", "mean", "sd", "diverged"]
    rows = [
        ("split_digits", optimizer, f"sg_{reference}", switch, 10, mean + 0.1 * switch, 0.01, 0)
        for optimizer, mean in (("msgd", 0.5), ("ngm_sgd", -0.25))
        for reference in ("first", "previous", "seen")
        for switch in (2, 3)
        if (optimizer, reference, switch) != ("msgd", "seen", 3)
    ]
    table = table2(pd.DataFrame(rows, columns=columns))
    assert to_markdown(table) == (
        "**Stability gap at each switch.**\n"
        "\n"
        "| Benchmark | Metric | k | MSGD | NGM-SGD |\n"
        "| --- | --- | --- | ---: | ---: |\n"
        "| Split digits | SG first ↓ | 2 | 0.700 ± 0.010 | **−0.050 ± 0.010** |\n"
        "|  |  | 3 | 0.800 ± 0.010 | **0.050 ± 0.010** |\n"
        "| Split digits | SG previous ↓ | 2 | 0.700 ± 0.010 | **−0.050 ± 0.010** |\n"
        "|  |  | 3 | 0.800 ± 0.010 | **0.050 ± 0.010** |\n"
        "| Split digits | SG seen ↓ | 2 | 0.700 ± 0.010 | **−0.050 ± 0.010** |\n"
        "|  |  | 3 | – | **0.050 ± 0.010** |\n"
        "\n"
        "Stability gap as the fall below the accuracy at the switch, as a fraction of it, on task 1 (first), the task before "
        "(previous) or all tasks before (seen, mean). Bold: best mean of the row.\n"
        "\n"
        "Mean ± standard deviation over n = 10 seeds. No run diverged.\n"
    )
    assert len(table.numbers) == 11
    assert list(table.numbers.columns) == ["benchmark", "metric", "switch", "optimizer", "n", "mean", "sd", "diverged"]


def test_table2_of_many_optimizers_has_a_row_for_each():
    names = [f"net{number}" for number in range(9)]
    rows = [
        (benchmark, name, "sg_first", switch, 10, 0.1 * number + 0.01 * switch, 0.01, 0)
        for benchmark, switches in (("split_digits", (2, 3)), ("rotated_digits", (2,)))
        for number, name in enumerate(names)
        for switch in switches
    ]
    columns = ["benchmark", "optimizer", "metric", "context", "n", "mean", "sd", "diverged"]
    table = table2(pd.DataFrame(rows, columns=columns), ("sg_first",))
    assert table.header == ["Benchmark", "Metric", "Optimizer", "k = 2", "k = 3"]
    assert [len(group) for group in table.groups] == [9, 9]
    first, second = (
        next(group for group in table.groups if group[0][0].text == name) for name in ("Split digits", "rotated_digits")
    )
    assert [cell.text for cell in first[0]] == ["Split digits", "SG first ↓", "net0", "0.020 ± 0.010", "0.030 ± 0.010"]
    assert [cell.bold for cell in first[0][3:]] == [True, True]
    assert [cell.text for cell in first[8][:3]] == ["", "", "net8"]
    assert [cell.text for cell in second[1]][2:] == ["net1", "0.120 ± 0.010", "–"]


def test_a_metric_of_contexts_without_a_direction_has_no_bold():
    columns = ["benchmark", "optimizer", "metric", "context", "n", "mean", "sd", "diverged"]
    rows = [("b", name, "mean_gain", k, 10, 1.0 + k, 0.1, 0) for name in ("a", "ngm_sgd") for k in (1, 2)]
    text = to_markdown(table2(pd.DataFrame(rows, columns=columns), ["mean_gain"]))
    assert "| Benchmark | Metric | context | NGM-SGD | a |" in text
    assert "**" not in text.split("\n", 1)[1]


def test_another_reference_is_marked_against():
    looks = looks_from({}, "sgd")
    numbers = table1(make_summary(), make_statistics(), looks).numbers
    marks = numbers.set_index(["optimizer", "metric"])["mark"]
    assert marks["ngm_sgd", "avg_acc"] == "better"
    assert marks["adam", "avg_sg_first"] == "worse"
    assert set(marks["sgd"]) == {""}
    assert "significantly better than sgd" in to_markdown(table1(make_summary(), make_statistics(), looks))


def test_significance_is_read_not_judged_here():
    statistics = make_statistics().assign(significant=False, alpha=0.01)
    text = to_markdown(table1(make_summary(), statistics))
    assert "†" not in text.split("† significantly")[0]
    assert "p \\< 0.01." in text


def test_n_has_a_column_where_it_differs():
    summary = make_summary()
    summary.loc[summary["optimizer"] == "adam", "n"] = 8
    text = to_markdown(table1(summary, make_statistics()))
    assert "| Benchmark | Optimizer | n | avg-ACC" in text
    assert "|  | Adam | 8 | " in text
    assert "over n = 8 to 10 seeds" in text


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (["avg_ac"], "tables.table1.metrics: no metric 'avg_ac'. Did you mean 'avg_acc'?"),
        (["avg_acc", "sg_first"], "avg_acc is per stream, sg_first is per switch; a table holds metrics of one kind"),
    ],
)
def test_metrics_that_make_no_table_are_told(metrics, words):
    with pytest.raises(UserError, match=re.escape(words)):
        table1(make_summary(), make_statistics(), metrics=metrics)


@pytest.mark.parametrize("suite_name", ["digits", "mnist"])
def test_numbers_of_the_published_tables_are_those_of_summary_and_statistics(suite_name):
    """Table 1 of a published suite holds summary.csv and the marks of statistics.csv, unrounded."""
    folder = PUBLISHED / suite_name
    statistics = pd.read_csv(folder / "statistics.csv")
    statistics = statistics.assign(significant=statistics["p_holm"] < 0.05, alpha=0.05)
    keys = ["benchmark", "optimizer", "metric"]
    ours = table1(pd.read_csv(folder / "summary.csv"), statistics).numbers.sort_values(keys, ignore_index=True)
    published = pd.read_csv(folder / "tables" / "table1.csv").fillna({"mark": ""}).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(ours, published, check_exact=True, check_dtype=False)


def test_tables_of_a_whole_suite(suite):
    text = to_latex(table1(suite.summary, suite.statistics)) + to_latex(table2(suite.summary))
    assert text.count("\\midrule") == 2 + 6
    assert "nan" not in text
