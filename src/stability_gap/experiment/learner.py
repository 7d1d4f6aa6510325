"""Build and update a learner: one model with its optimizer, or those of a block of seeds side by side (PROTOCOL §1-2)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.evaluator import cross_entropies
from stability_gap.experiment.machine import precision_of
from stability_gap.experiment.randomness import generator, torch_generator
from stability_gap.experiment.settings import CellSettings
from stability_gap.learners.average import Average
from stability_gap.learners.build import (
    Model,
    attach_gain,
    build_model,
    build_optimizer,
    followed_weights,
    gain_layers,
    has_modes,
    step_of,
)
from stability_gap.learners.gain import GainModulation, entropy, move_gains, raw_weight
from stability_gap.learners.neuronal_decay import NeuronalDecay
from stability_gap.learners.proximal import Proximal
from stability_gap.learners.rates import EntropyTrace
from stability_gap.learners.resets import clear_state
from stability_gap.learners.settings import EntropyRate
from stability_gap.learners.stacked import StackedModel


@dataclass(frozen=True, eq=False)
class Step:
    """What one update computed; everything has a leading axis of S where a block of S seeds learns.

    logits: (batch, classes) before the optimizer's step. labels: (batch,). loss, entropy: () nats, of these logits.
    learning_rate: in force, of the layers that a gain would modulate. gains: (units,) of each gain-modulated layer, in force;
    empty without gain.
    """

    logits: Tensor
    labels: Tensor
    loss: Tensor
    entropy: Tensor
    learning_rate: float | Tensor
    gains: Sequence[Tensor]


class Learner:
    """What learns. Only `update`, `switch` and what `proximal` is shown change it; whoever watches reads and leaves
    all of it alone, random streams included.

    Attributes:
        model: gives the logits of images. seeds: (), or (S,) for a block: the leading axes of all its tensors.
        parameters: all that is trained, by name. weights: raw weight of every weight layer, by its name, input side first.
        gains: live, of each gain-modulated layer. followed: names of the layers whose gains are written down.
        proximal: what changes gradients by old images, which it must be shown from time to time, or None. ramp: updates over
        which the images of a new task come to count in full; 0: they do at once.
    """

    def __init__(
        self,
        settings: CellSettings,
        stream: DeviceStream,
        rates: Tensor,
        seeds: tuple[int, ...],
        models: Sequence[Model],
        modulations: Sequence[GainModulation | None],
        proximal: Proximal | None = None,
    ) -> None:
        """Prefer `learner_of_seed` and `learner_of_block`. `models`: one for each seed; those of a block are stacked."""
        self._settings = chosen = settings.optimizer_settings
        assert not (seeds and chosen.alone), "some optimizers train seed by seed"
        first, self.modulation, self.seeds = models[0], modulations[0], seeds
        self.model: nn.Module
        if seeds:
            stacked = StackedModel(models)
            self.model, self.parameters, self.weights, self.gains = stacked, stacked.stacked, stacked.weights(), stacked.gains()
            self._forward: Callable[[Tensor], Tensor] = stacked.each
        else:
            self.model, self.parameters = first, dict(first.named_parameters())
            self.weights = {name: raw_weight(layer) for name, layer in first.layers.items()}
            self.gains = self.modulation.gains if self.modulation else []
            self._forward = first
        self.followed = list(gain_layers(first, chosen.gain))
        self.optimizer = build_optimizer(chosen, self.parameters, followed_weights(first, chosen.gain), rates)
        self._step = step_of(chosen, self.optimizer)
        self._has_modes = has_modes(self.optimizer)
        self.precision, self.device, self.dtype = settings.precision, stream.device, stream.dtype
        self.entropy = torch.zeros(seeds, dtype=self.dtype, device=self.device)  # of the previous update's output
        self._trace = EntropyTrace(rate, self.entropy) if isinstance(rate := chosen.learning_rate, EntropyRate) else None
        self._rates_vary = bool((rates != rates[0]).any()) or self._trace is not None
        self._average = Average(self.model, chosen.average.decay) if chosen.average is not None else None
        self._decay = NeuronalDecay(first, chosen.neuronal_decay) if chosen.neuronal_decay else None
        if self._decay is not None:
            self._forward = self._decay.forward
        self.proximal, self.ramp = proximal, chosen.ramp

    def update(self, images: Tensor, labels: Tensor, rates: Tensor, weights: Tensor | None = None) -> Step:
        """Learn one minibatch.

        The gains (or the trace of the entropy) move with the entropy of the previous update's output; forward with the new gains;
        gradient with respect to the raw weights; the optimizer's step; the entropy of this output; the average of the weights.

        Args:
            images: ([S,] batch, ...), normalised. labels: ([S,] batch). rates: (2,), see `learners.rates`. weights: of each
            image's loss in training, ([S,] batch); None: 1. The loss that is recorded is the plain cross-entropy.
        """
        if self.modulation is not None:
            move_gains(self.gains, self.entropy, self.modulation)
        if self._rates_vary:
            self._take_rates(rates if self._trace is None else self._trace.rates(rates))
        with precision_of(self.precision, self.device):
            logits = self._forward(images).to(self.dtype)
        loss = cross_entropies(logits, labels).mean(-1) if self.seeds else functional.cross_entropy(logits, labels)
        trained = loss if weights is None else (weights * cross_entropies(logits, labels)).mean(-1)
        if self._decay is not None:
            trained = trained + self._decay.price
        trained.sum().backward()  # no seed's loss depends on another's weights, so this gradient holds each seed's own
        if self.proximal is not None:
            self.proximal.apply()
        self._step()
        self.optimizer.zero_grad()
        logits = logits.detach()
        self.entropy.copy_(entropy(logits))
        if self._average is not None:
            self._average.follow()
        return Step(logits, labels, loss.detach(), self.entropy, self.optimizer.param_groups[0]["lr"], self.gains)

    def switch(self) -> None:
        """Hear that the next update has a new task, which nobody but an oracle makes use of."""
        if self._settings.reset_at_switch:
            clear_state(self.optimizer, self._settings)

    def state(self) -> dict[str, Any]:
        """All that its later updates depend on, as tensors and plain values; some of the tensors go on changing.

        What an imported optimizer keeps beside its `state_dict`, nobody knows.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "entropy": self.entropy,
            "trace": None if self._trace is None else self._trace.gain,
            "average": None if self._average is None else self._average.model.state_dict(),
            "proximal": None if self.proximal is None else self.proximal.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the `state` of a learner of the same settings and seed."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.entropy.copy_(state["entropy"])
        if self._trace is not None:
            self._trace.gain = state["trace"]
        if self._average is not None:
            self._average.model.load_state_dict(state["average"])
        if self.proximal is not None:
            self.proximal.restore(state["proximal"])

    @contextmanager
    def evaluated(self) -> Iterator[nn.Module]:
        """The model as it is to be evaluated: the average where there is one, what a schedule-free optimizer evaluates, else the
        model itself. Training goes on afterwards as if nothing had been.
        """
        if self._average is not None or not self._has_modes:
            yield self.model if self._average is None else self._average.model
            return
        trained = [parameter.detach().clone() for parameter in self.parameters.values()]
        cast(Any, self.optimizer).eval()
        yield self.model
        cast(Any, self.optimizer).train()
        with torch.no_grad():  # back and forth by arithmetic would leave a rounding error
            torch._foreach_copy_([parameter.detach() for parameter in self.parameters.values()], trained)

    def _take_rates(self, rates: Tensor) -> None:
        """Set the rate of each group of weights. Where the update is captured as a graph, rates are tensors and stay in place."""
        for group, rate in zip(self.optimizer.param_groups, rates.unbind(), strict=False):
            if isinstance(group["lr"], Tensor):
                group["lr"].copy_(rate)
            else:
                group["lr"] = rate.item()


def learner_of_seed(settings: CellSettings, stream: DeviceStream, seed: int, rates: Tensor) -> Learner:
    """One seed's learner before its first update. `rates`: (T, 2), of the whole run."""
    model, modulation = fresh_model(settings, stream, seed)
    chosen = settings.optimizer_settings.proximal
    proximal = Proximal(model, chosen, generator(seed, "proximal")) if chosen is not None else None
    return Learner(settings, stream, rates, (), [model], [modulation], proximal)


def learner_of_block(settings: CellSettings, stream: DeviceStream, seeds: Sequence[int], rates: Tensor) -> Learner:
    """The learners of several seeds side by side, as one batched model. `rates`: (T, 2), the same for all seeds."""
    models, modulations = zip(*(fresh_model(settings, stream, seed) for seed in seeds), strict=True)
    return Learner(settings, stream, rates, (len(seeds),), models, modulations)


def fresh_model(settings: CellSettings, stream: DeviceStream, seed: int) -> tuple[Model, GainModulation | None]:
    """The model of a seed before its first update, on the stream's device, and its gain modulation."""
    model = build_model(settings.model, stream.image_shape, stream.classes, torch_generator(seed, "init"))
    model = model.to(stream.device, stream.dtype)
    if settings.model.kind != "mlp" and stream.device.type == "cpu":
        model = model.to(memory_format=torch.channels_last)  # the layout that images have, and the faster one on CPUs
    return model, attach_gain(model, settings.optimizer_settings.gain)
