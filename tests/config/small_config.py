"""A small configuration, complete and fine, that tests change."""

import yaml

from stability_gap import config

VALUES = """
suite: quick
datasets: {digits: {source: sklearn_digits}}
benchmarks:
  split:
    dataset: digits
    stream: {kind: split, classes_per_task: 2}
    iterations: 20
    batch_size: 8
    model: {kind: mlp}
    gain_eta: 0.4
  other: {like: split}
optimizers:
  sgd: {method: sgd, learning_rate: 0.1}
  adam: {method: adam, learning_rate: 0.01}
suites:
  quick: {benchmarks: [split, other], optimizers: [sgd, adam], seeds: [1, 2]}
"""


def resolved(**sections) -> config.Config:
    """The configuration above with these keys; a block given for an id replaces or adds keys of that block."""
    values = yaml.safe_load(VALUES)
    for section, change in sections.items():
        if section in values and isinstance(change, dict):
            for name, block in change.items():
                values[section][name] = values[section].get(name, {}) | block
        else:
            values[section] = change
    return config.resolve(values, "c")
