"""Fixtures of the tests of the analysis."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stability_gap.analysis.metrics.registry import METRICS


@pytest.fixture
def registry_as_before(monkeypatch, tmp_path) -> Iterator[None]:
    """Forget, after the test, what it registered, imported from its folder and put on the path."""
    metrics = METRICS.copy()
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    METRICS.clear()
    METRICS.update(metrics)
    for name, module in list(sys.modules.items()):
        if (file := getattr(module, "__file__", None)) and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]
