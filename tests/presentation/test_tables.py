import math

import pandas as pd
import pytest

from stability_gap.errors import UserError
from stability_gap.presentation.formats import to_latex, to_markdown
from stability_gap.presentation.tables import table1, table2

VALUES = {  # avg_acc, min_acc, wc_acc, avg_sg_first, avg_sg_previous, avg_sg_seen
    "ngm_sgd": (0.947, 0.881, 0.894, 0.04, 0.15, 0.09),
    "sgd": (0.872, 0.85, 0.86, 0.01, 0.05, 0.03),
    "adam": (0.9471, 0.5, 0.6, 0.25, 0.6, 0.4),
}
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


def make_statistics(p_holm=0.01, n=10, note="") -> pd.DataFrame:
    """Pairs in the alphabet's order; avg_acc of adam against ngm_sgd is not significant."""
    rows = []
    for a, b in [("adam", "ngm_sgd"), ("adam", "sgd"), ("ngm_sgd", "sgd")]:
        for number, metric in enumerate(METRICS):
            p = 0.9 if (a, metric) == ("adam", "avg_acc") else p_holm
            rows.append(("split_digits", metric, a, b, n, VALUES[a][number] - VALUES[b][number], p, note))
    columns = ["benchmark", "metric", "optimizer_a", "optimizer_b", "n", "mean_difference", "p_holm", "note"]
    return pd.DataFrame(rows, columns=columns)


def test_table1_in_full():
    text = to_markdown(table1(make_summary(), make_statistics()))
    header = "avg-ACC (%) ↑ | min-ACC (%) ↑ | WC-ACC (%) ↑ | avg-SG first ↓ | avg-SG previous ↓ | avg-SG seen ↓ |"
    assert text == (
        "**Accuracy and stability gap, mean ± standard deviation over seeds.**\n"
        "\n"
        f"| Benchmark | Optimizer | n | {header}\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| Split digits | SGD | 10 | 87.2 ± 1.0† | 85.0 ± 1.0† | 86.0 ± 1.0† | **0.010 ± 0.010**‡ | **0.050 ± "
        "0.010**‡ | "
        "**0.030 ± 0.010**‡ |\n"
        "|  | Adam | 10 | **94.7 ± 1.0** | 50.0 ± 1.0† | 60.0 ± 1.0† | 0.250 ± 0.010† | 0.600 ± 0.010† | 0.400 "
        "± 0.010† |\n"
        "|  | NGM-SGD | 10 | **94.7 ± 1.0** | **88.1 ± 1.0** | **89.4 ± 1.0** | 0.040 ± 0.010 | 0.150 ± 0.010 | "
        "0.090 ± 0.010 |\n"
        "\n"
        "Accuracy in percent; stability gap as a fraction, against task 1 (first), the task before (previous) "
        "or the mean "
        "of all tasks before (seen). Bold: best mean of the benchmark.\n"
        "\n"
        "n = 10 seeds. No run diverged.\n"
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
    assert "| Adam (2 diverged) | 10 |" in text
    assert "Diverged runs, counted as chance accuracy and a full gap: Adam on Split digits, 2 of 10." in text


def test_table1_of_one_seed_has_no_sd_and_no_marks():
    text = to_markdown(table1(make_summary(n=1, sd=math.nan), make_statistics(math.nan, 1, "n=1: no test")))
    assert "| Split digits | SGD | 1 | 87.2 | 85.0 | 86.0 | **0.010** | **0.050** | **0.030** |" in text
    assert "n = 1 seed. No run diverged." in text
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
    assert "| Split digits | NGM-SGD | 10 | **94.7 ± 1.0** |" in text


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
        "**Stability gap at each switch, mean ± standard deviation over seeds.**\n"
        "\n"
        "| Benchmark | Reference | k | MSGD | NGM-SGD |\n"
        "| --- | --- | --- | ---: | ---: |\n"
        "| Split digits | first | 2 | 0.700 ± 0.010 | **−0.050 ± 0.010** |\n"
        "|  |  | 3 | 0.800 ± 0.010 | **0.050 ± 0.010** |\n"
        "| Split digits | previous | 2 | 0.700 ± 0.010 | **−0.050 ± 0.010** |\n"
        "|  |  | 3 | 0.800 ± 0.010 | **0.050 ± 0.010** |\n"
        "| Split digits | seen | 2 | 0.700 ± 0.010 | **−0.050 ± 0.010** |\n"
        "|  |  | 3 | – | **0.050 ± 0.010** |\n"
        "\n"
        "Stability gap at the switch to task k: the fall of accuracy below its value at the switch, as a "
        "fraction of that "
        "value. Reference: first: task 1; previous: task k−1; seen: mean of tasks \\< k. Bold: smallest mean of "
        "the row.\n"
        "\n"
        "n = 10 seeds. No run diverged.\n"
    )
    assert len(table.numbers) == 11


def test_tables_of_a_whole_suite(suite):
    text = to_latex(table1(suite.summary, suite.statistics)) + to_latex(table2(suite.summary))
    assert text.count("\\midrule") == 2 + 6
    assert "nan" not in text
