"""Each example holds the curves of curve_truth.py as the tool would write them, by its published code."""

import json

import pandas as pd
import pytest
from curve_truth import EXAMPLES, evaluations

from stability_gap.curves.content import Content, read_content
from stability_gap.curves.options import Options
from stability_gap.curves.registry import guess, read
from stability_gap.errors import UserError

FOUR = Options(context_length=4)


def example(name: str) -> Content:
    return read_content(EXAMPLES / name)


def documents(name: str) -> dict:
    return json.loads((EXAMPLES / name).read_text(encoding="utf-8"))


# --- van de Ven ------------------------------------------------------------------------------------------------------


def test_van_de_ven_csv_is_task_1_in_percent_and_its_last_update_is_missing():
    expected = evaluations().query("task == 1 and iteration < 8").reset_index(drop=True)
    pd.testing.assert_frame_equal(read(example("van_de_ven_csv.csv"), FOUR), expected)
    # Neither option, meant for a file beside it, touches what the format settles itself.
    beside = Options(context_length=4, percent=False, count_from=0)
    pd.testing.assert_frame_equal(read(example("van_de_ven_csv.csv"), beside), expected)


def test_van_de_ven_dict_tells_its_contexts():
    pd.testing.assert_frame_equal(read(example("van_de_ven_dict.json"), Options()), evaluations())


def test_van_de_ven_dict_that_two_callbacks_filled_has_the_last_update_of_a_context_twice():
    document = documents("van_de_ven_dict.json")
    lists = [document["x_iteration"], document["x_context"], *document["acc per context"].values()]
    for values, first in zip(lists, (None, None, 0.1, 0.1), strict=True):
        for last in (7, 3):
            values.insert(last, values[last] if first is None else first)  # before the evaluation that counts
    pd.testing.assert_frame_equal(read(Content("mine", document=document), Options()), evaluations())


@pytest.mark.parametrize(
    "change",
    [
        {"x_iteration": [1, 2]},
        {"acc per context": {"context 1": 0.5}},
        {"acc per context": {"first": [0.5] * 8}},
        {"acc per context": {}},
        {"acc per context": [0.5]},
    ],
)
def test_van_de_ven_dict_of_another_shape_is_refused(change):
    content = Content("mine.json", document=documents("van_de_ven_dict.json") | change)
    with pytest.raises(UserError, match=r"mine\.json: x_iteration, x_context and each list of 'acc per context'"):
        read(content, Options())


# --- Avalanche -------------------------------------------------------------------------------------------------------


def test_avalanche_metrics_are_numbered_by_updates_done():
    pd.testing.assert_frame_equal(read(example("avalanche_metrics.json"), FOUR), evaluations())


def test_avalanche_metrics_of_seen_experiences_alone_tell_the_contexts():
    document = documents("avalanche_metrics.json")
    key = "Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp001"
    document[key] = [part[6:] for part in document[key]]  # from the evaluation before the first update on it
    pd.testing.assert_frame_equal(read(Content("mine", document=document), Options()), evaluations())


def test_avalanche_metrics_every_second_update():
    """It evaluates after update 1, 3, … of an experience, and before its first and after its last."""
    document = {
        "Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000": [
            [0, 0, 2, 4, 4, 4, 6, 8],
            [0.11, 0.5, 0.8, 0.9, 0.9, 0.3, 0.8, 0.9],
        ],
        "Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp001": [[4, 4, 6, 8], [0.0, 0.2, 0.7, 0.8]],
    }
    table = read(Content("mine", document=document), FOUR)
    expected = evaluations().query("iteration in [1, 3, 4, 5, 7, 8]").reset_index(drop=True)
    pd.testing.assert_frame_equal(table, expected)


def test_avalanche_metrics_by_epoch_have_exact_numbers_and_need_the_contexts():
    document = {
        "Top1_Acc_Exp/eval_phase/test_stream/Exp000": [[0, 2, 4, 4, 6, 8], [0.1, 0.7, 0.9, 0.9, 0.6, 0.9]],
        "Top1_Acc_Exp/eval_phase/test_stream/Exp001": [[0, 2, 4, 4, 6, 8], [0.1, 0.0, 0.0, 0.0, 0.5, 0.8]],
        "Loss_Exp/eval_phase/test_stream/Exp000": [[0, 2, 4, 4, 6, 8], [2.3, 0.9, 0.5, 0.5, 1.0, 0.5]],
        "Loss_Exp/eval_phase/test_stream/Exp001": [[0, 2, 4, 4, 6, 8], [2.3, 4.0, 4.0, 4.0, 1.2, 0.6]],
    }
    content = Content("mine", document=document)
    expected = evaluations(loss=True).query("iteration % 2 == 0").reset_index(drop=True)
    pd.testing.assert_frame_equal(read(content, FOUR), expected)
    with pytest.raises(UserError, match="mine does not say where experiences end"):
        read(content, Options())


def test_avalanche_metrics_of_the_test_stream_count():
    document = documents("avalanche_metrics.json")
    for number in ("000", "001"):
        document[f"Top1_Acc_Exp/eval_phase/train_stream/Task000/Exp{number}"] = [[0, 0, 1], [0.0, 0.0, 0.0]]
    pd.testing.assert_frame_equal(read(Content("mine", document=document), FOUR), evaluations())
    renamed = {key.replace("test_stream", "valid_stream"): value for key, value in document.items()}
    with pytest.raises(UserError, match="curves of the streams train, valid; keep those of one"):
        read(Content("mine", document=renamed), FOUR)


@pytest.mark.parametrize("curve", [3, [], [[1, 2]], [[1, 2], [0.5]], [[], []], [[1], 2]])
def test_avalanche_metrics_of_another_shape_are_refused(curve):
    content = Content("mine", document={"Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000": curve})
    with pytest.raises(UserError, match=r"mine: Top1_Acc_Exp/.* is no curve; it must be \[updates, values\]"):
        read(content, FOUR)


@pytest.mark.parametrize("curve", [[[1.5], [0.5]], [["a"], [0.5]], [[1], ["high"]], [[[1]], [0.5]], [[1], [{}]]])
def test_avalanche_metrics_that_are_no_numbers_are_refused(curve):
    content = Content("mine", document={"Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000": curve})
    with pytest.raises(UserError, match=r"mine: Top1_Acc_Exp/.*column (updates|values): .* is no"):
        read(content, FOUR)


def test_avalanche_csv_has_one_evaluation_per_experience():
    table = read(example("avalanche_csv.csv"), FOUR)
    pd.testing.assert_frame_equal(table, evaluations(loss=True).query("iteration % 4 == 0").reset_index(drop=True))
    switched = read(example("avalanche_csv.csv"), Options(switches=[4]))
    assert switched["iteration"].unique().tolist() == [4, 5]
    with pytest.raises(UserError, match="does not count updates; say how many an experience has"):
        read(example("avalanche_csv.csv"), Options())


def test_avalanche_csv_refuses_experiences_below_0():
    rows = example("avalanche_csv.csv").rows().assign(training_exp=-1)
    with pytest.raises(UserError, match="experiences count from 0; a row has one below"):
        read(Content("mine", table=rows), FOUR)


def test_avalanche_csv_without_monitored_losses_has_none():
    rows = example("avalanche_csv.csv").rows().assign(eval_loss=0)
    assert "loss" not in read(Content("mine", table=rows), FOUR)


# --- ContinualEvaluation ---------------------------------------------------------------------------------------------


def test_continual_evaluation_tells_its_contexts():
    content = example("continual_evaluation.json")
    pd.testing.assert_frame_equal(read(content, Options()), evaluations(loss=True))
    pd.testing.assert_frame_equal(read(content, FOUR), evaluations(loss=True))


def test_what_continual_evaluation_logs_beside_it_does_not_confuse():
    assert guess(example("continual_evaluation.json")).name == "continual_evaluation"


def test_continual_evaluation_is_dumped_by_the_line_of_the_docs(tmp_path):
    """Values may be tensors of one element, keys of other metrics hold what JSON cannot."""
    import torch

    collected = {
        "TRACK_MB_acc/train_phase/train_stream/Task000": ([0, 1], [torch.tensor(0.5), 0.75]),
        "ConfusionMatrix_Stream/eval_phase/test_stream": ([1], [torch.zeros(2, 2)]),
    }
    kept = {name: curve for name, curve in collected.items() if "acc" in name.lower()}
    (tmp_path / "seed=0.json").write_text(json.dumps(kept, default=float), encoding="utf-8")
    table = read(read_content(tmp_path / "seed=0.json"), Options(context_length=2))
    assert table["accuracy"].tolist() == [0.5, 0.75]
