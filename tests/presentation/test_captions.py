from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import Environment, StrictUndefined

CAPTIONS = Path(__file__).parents[2] / "workflow" / "report"
SNAKEMAKE = SimpleNamespace(wildcards=SimpleNamespace(benchmark="split_digits"), config={"suite": "digits"})


@pytest.mark.parametrize("path", sorted(CAPTIONS.glob("*.rst")), ids=lambda path: path.stem)
def test_captions_are_templates_and_restructured_text(path):
    docutils = pytest.importorskip("docutils.core")
    text = Environment(undefined=StrictUndefined).from_string(path.read_text()).render(snakemake=SNAKEMAKE)
    docutils.publish_string(text, writer="html", settings_overrides={"halt_level": 2, "report_level": 5})


def test_every_product_has_a_caption():
    products = {"curves", "zoom", "gain_per_task", "tradeoff", "table1", "table2", "paper_comparison", "workflow"}
    assert products <= {path.stem for path in CAPTIONS.glob("*.rst")}
