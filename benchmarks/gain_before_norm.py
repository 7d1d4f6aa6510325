"""What a gain in front of batch norm does: evaluation against training output of one slim ResNet-18, weights held fixed.

python benchmarks/gain_before_norm.py

Every convolution of an untrained network gets a gain (η = 0.2). Its entropy input is 0.3 nats for 200 updates and then 1.5.
Prints, after some updates, norm(logits in evaluation - logits in training) / norm(logits in training), on one batch of
random images.
"""

import torch

from stability_gap.learners.gain import GainModulation
from stability_gap.learners.resnet import SlimResNet18

SETTLED = 200


def main():
    random = torch.Generator().manual_seed(0)
    model = SlimResNet18((3, 32, 32), 20, 10, random)
    convolutions = [layer for name, layer in model.layers.items() if name != "output"]
    gain = GainModulation(convolutions, eta=0.2)
    images = torch.randn(64, 3, 32, 32, generator=random)
    for update in range(SETTLED + 31):
        gain.move(0.3 if update <= SETTLED else 1.5)
        with torch.no_grad():
            trained = model.train()(images)  # moves the running statistics
            evaluated = model.eval()(images)
        after = update - SETTLED
        if after in (0, 3, 6, 18, 30):
            difference = (evaluated - trained).norm() / trained.norm()
            print(f"{after:2} updates after the step: gain {gain.gains[0][0]:.2f}, relative difference {difference:.3g}")


if __name__ == "__main__":
    main()
