"""The multilayer perceptron of the paper's MNIST experiments (PROTOCOL §4)."""

import torch
from torch import Tensor, nn

from stability_gap.learners.linear import Linear, linear, linear_relu

HIDDEN_STD = 0.01
OUTPUT_STD = 0.05

# Images per pass of an evaluation: the activations of a chunk stay in the cache and below malloc's mmap threshold.
CHUNK = 1000


class MLP(nn.Module):
    """inputs-hidden-hidden-classes with ReLU and no biases; hidden weights N(0, 0.01²), output weights N(0, 0.05²).

    Args:
        inputs: values per image. hidden: units of each hidden layer. classes: output units.
        generator: the init stream of the seed; the three layers draw from it in order.
    """

    def __init__(self, inputs: int, hidden: int, classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self.hidden1 = Linear(inputs, hidden, HIDDEN_STD, generator)
        self.hidden2 = Linear(hidden, hidden, HIDDEN_STD, generator)
        self.output = Linear(hidden, classes, OUTPUT_STD, generator)

    def forward(self, images: Tensor) -> Tensor:
        """Logits: (n, inputs) -> (n, classes)."""
        return self.output(self.activations(images)[-1])  # type: ignore[no-any-return]

    def activations(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Activations of the two hidden layers, after ReLU: (n, inputs) -> (n, hidden) each."""
        hidden1 = torch.relu(self.hidden1(images))
        return hidden1, torch.relu(self.hidden2(hidden1))

    @property
    def layers(self) -> dict[str, nn.Module]:
        """The weight layers by name, input side first."""
        return {"hidden1": self.hidden1, "hidden2": self.hidden2, "output": self.output}

    @property
    def head(self) -> dict[str, nn.Module]:
        """The output layer."""
        return {"output": self.output}


def effective_weights(model: MLP) -> tuple[Tensor, Tensor, Tensor]:
    """Give what the layers multiply by, input side first: g·W where a layer is gain-modulated."""
    return model.hidden1.weight, model.hidden2.weight, model.output.weight


def mlp_logits(images: Tensor, hidden1: Tensor, hidden2: Tensor, output: Tensor, bias1: Tensor | None = None) -> Tensor:
    """Compute what `MLP.forward` does, from effective weights and without gradients.

    The hidden layers run in the precision of `images`, the output layer in that of `output`: with bfloat16 images and hidden
    weights and float32 output weights the logits are not rounded to bfloat16. `bias1` (hidden,) joins the first layer's sums.
    """
    hidden = linear_relu(linear_relu(images, hidden1, bias1), hidden2)
    return linear(hidden.to(output.dtype), output)


def mlp_logits_in_chunks(images: Tensor, *weights: Tensor) -> Tensor:
    """`mlp_logits` of any number of images."""
    return torch.cat([mlp_logits(chunk, *weights) for chunk in images.split(CHUNK)])
