"""Accuracy and loss against a loop over images, and with the bfloat16 screen against float32."""

import math

import pytest
import torch
from cells import small_cell
from torch import nn
from torch.nn import functional

from stability_gap.experiment import evaluator
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.evaluator import ContinualEvaluator
from stability_gap.experiment.minibatches import union
from stability_gap.learners import mlp
from stability_gap.learners.build import attach_gain, build_optimizer
from stability_gap.learners.mlp import MLP
from stability_gap.learners.settings import AdamSettings, GainSettings, SGDSettings


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small_mlp(seed: int = 0, inputs: int = 6, hidden: int = 8, classes: int = 4, scale: float = 30.0) -> MLP:
    """Weights large enough that classes are told apart."""
    model = MLP(inputs, hidden, classes, torch.Generator().manual_seed(seed))
    for weight in model.parameters():
        weight.data *= scale
    return model


class WithDropout(nn.Module):
    """A model whose modes differ, and no MLP."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop, self.fc = nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.drop(self.norm(x)))


SIZES = [5, 1, 9]
IMAGES, LABELS = random(15, 6, seed=1), torch.arange(15) % 4


def one_by_one(model: nn.Module, tasks: int) -> tuple[list[float], list[float]]:
    """Accuracy and loss, image by image."""
    accuracy, loss, position = [], [], 0
    model.eval()
    for size in SIZES[:tasks]:
        right, total = 0, 0.0
        for _ in range(size):
            logits = model(IMAGES[position : position + 1])[0].tolist()
            label = LABELS[position].item()
            right += max(range(4), key=logits.__getitem__) == label
            total -= logits[label] - math.log(sum(math.exp(z) for z in logits))
            position += 1
        accuracy.append(right / size)
        loss.append(total / size)
    return accuracy, loss


@pytest.mark.parametrize("tasks", [1, 2, 3])
@pytest.mark.parametrize("make", [small_mlp, WithDropout])
@pytest.mark.parametrize("chunk", [4, 1000])
def test_accuracy_and_loss_are_those_of_a_loop_over_images(monkeypatch, make, tasks, chunk):
    monkeypatch.setattr(mlp, "CHUNK", chunk)  # of an MLP
    torch.manual_seed(0)
    model = make()
    accuracy, loss = ContinualEvaluator(IMAGES, LABELS, SIZES, chunk=chunk)(model, tasks)
    expected_accuracy, expected_loss = one_by_one(model, tasks)
    assert accuracy.tolist() == pytest.approx(expected_accuracy, abs=1e-6)
    assert loss.tolist() == pytest.approx(expected_loss, rel=1e-5)
    assert len(set(accuracy.tolist())) > 1 or tasks == 1


def test_gains_take_part():
    model = small_mlp(scale=5)
    attach_gain(model, GainSettings(eta=0.0)).gains[2].fill_(3.0)
    _, loss = ContinualEvaluator(IMAGES, LABELS, SIZES)(model, 3)
    assert loss.tolist() == pytest.approx(one_by_one(model, 3)[1], rel=1e-5)
    assert loss.tolist() != pytest.approx(one_by_one(small_mlp(scale=5), 3)[1], rel=1e-3)


@pytest.mark.parametrize("screened", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_evaluation_leaves_no_trace_in_model_or_random_state(screened, training):
    sizes = [5, 4, 6]
    model = small_mlp() if screened else WithDropout()
    model.train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random_state = torch.get_rng_state()
    ContinualEvaluator(IMAGES, LABELS, sizes, screened)(model, 3)
    assert model.training is training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)


# --- the bfloat16 screen --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_device(digits) -> DeviceStream:
    return DeviceStream(digits, small_cell("sgd"), torch.device("cpu"))


@pytest.mark.parametrize(
    ("settings", "gain"),
    [
        (SGDSettings(method="sgd", learning_rate=0.05, momentum=0.9), None),
        (AdamSettings(method="adam", learning_rate=0.01), None),
        (SGDSettings(method="sgd", learning_rate=0.05), GainSettings(eta=0.4)),
    ],
)
def test_screened_accuracies_are_those_of_float32_while_training(on_device, settings, gain):
    images, labels, sizes = on_device.evaluate.images, on_device.evaluate.labels, on_device.evaluate.sizes
    screened = ContinualEvaluator(images, labels, sizes, screened=True)
    model = MLP(64, 64, 10, torch.Generator().manual_seed(0))
    modulation = attach_gain(model, gain)
    optimizer = build_optimizer(settings, dict(model.named_parameters()), [], torch.full((1, 2), settings.learning_rate))
    logits, seen = None, set()
    for update, indices in enumerate(torch.from_numpy(union(0, on_device.train_sizes, 8, 64))):
        if modulation is not None:
            modulation.step(logits)
        batch, batch_labels = on_device.batch(indices)
        logits = model(batch)
        functional.cross_entropy(logits, batch_labels).backward()
        optimizer.step()
        optimizer.zero_grad()
        exact_accuracy, exact_loss = on_device.evaluate(model, update // 8 + 1)
        accuracy, loss = screened(model, update // 8 + 1)
        assert torch.equal(accuracy, exact_accuracy)
        torch.testing.assert_close(loss, exact_loss, rtol=0.02, atol=0.002)
        seen |= set(accuracy.tolist())
    assert len(seen) > 10  # the curves moved


def test_the_screen_is_used_where_it_is_asked_for(on_device):
    screened = ContinualEvaluator(on_device.evaluate.images, on_device.evaluate.labels, on_device.evaluate.sizes, screened=True)
    model = small_mlp(inputs=64, hidden=64, classes=10, scale=10)
    _, rounded = screened(model, 5)
    _, exact = on_device.evaluate(model, 5)
    assert not torch.equal(rounded, exact)


def test_pixels_that_never_vary_count_all_the_same():
    images, sizes = IMAGES.clone(), [5, 4, 6]
    images[:, 2] = 5.0  # the same in every image
    images[:5, 4] = -3.0  # the same in every image of task 1 only
    model = small_mlp()
    exact = ContinualEvaluator(images, LABELS, sizes)(model, 3)
    screened = ContinualEvaluator(images, LABELS, sizes, screened=True)(model, 3)
    assert torch.equal(screened[0], exact[0])
    torch.testing.assert_close(screened[1], exact[1], rtol=0.05, atol=0.05)


@pytest.mark.parametrize("sizes", [[1], [5], [1, 5, 9]])
def test_a_task_whose_images_are_all_the_same_is_evaluated(sizes):
    images = torch.cat([IMAGES[task : task + 1].expand(size, -1) for task, size in enumerate(sizes)])
    labels, model = LABELS[: len(images)], small_mlp()
    exact = ContinualEvaluator(images, labels, sizes)(model, len(sizes))
    screened = ContinualEvaluator(images, labels, sizes, screened=True)(model, len(sizes))
    assert torch.equal(screened[0], exact[0])
    torch.testing.assert_close(screened[1], exact[1], rtol=0.05, atol=0.05)


def cancelling_mlp() -> tuple[MLP, torch.Tensor]:
    """Two large hidden units whose small difference decides, and images for it: bfloat16 takes 100.2 for 100."""
    model = MLP(4, 2, 2, torch.Generator())
    model.hidden1.weight.data = torch.tensor([[100.2, 1.0, 0.0, 0.0], [100.0, 0.0, 1.0, 0.2]])
    model.hidden2.weight.data = torch.eye(2)
    model.output.weight.data = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    large = 10 + random(400, 1, seed=3)
    return model, torch.cat([large, 0.3 * random(400, 2, seed=4), large], dim=1)


def test_where_rounding_was_too_much_everything_is_computed_in_float32(monkeypatch):
    model, images = cancelling_mlp()
    labels = (images[:, 2] > images[:, 1]).long()
    exact = ContinualEvaluator(images, labels, [300, 100])
    screened = ContinualEvaluator(images, labels, [300, 100], screened=True)
    expected = exact(model, 2)
    assert expected[0].tolist() == pytest.approx([1.0, 1.0], abs=0.02)
    assert all(torch.equal(a, b) for a, b in zip(screened(model, 2), expected, strict=True))
    monkeypatch.setattr(evaluator, "is_rounded_too_much", lambda *_: False)
    assert not torch.equal(screened(model, 2)[0], expected[0])  # without that the screen would have been wrong
