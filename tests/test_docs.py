"""The documentation says what is true: links lead somewhere, lists are complete, examples run."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from stability_gap.analysis import gap
from stability_gap.analysis.metrics import cell_metrics, gain_metrics
from stability_gap.analysis.paper_convention import paper_convention
from stability_gap.cli import commands
from stability_gap.config import resolve
from stability_gap.files import METRICS, read_parquet

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
PAGES = sorted([*DOCS.glob("*.md"), REPOSITORY / "README.md"])
PACKAGE = REPOSITORY / "src" / "stability_gap"


def load_generator():
    spec = importlib.util.spec_from_file_location("generate_configuration", DOCS / "generate_configuration.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def example(name: str, page: str = "adding.md") -> str:
    """The fenced block of a page whose first line is the comment `# docs/{page}: {name}`, without indentation."""
    text = (DOCS / page).read_text(encoding="utf-8")
    pattern = rf"^( *)```\w+\n *# docs/{re.escape(page)}: {re.escape(name)}\n(.*?)^\1```$"
    found = re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"docs/{page} has {len(found)} examples named {name}"
    indentation, code = found[0]
    return re.sub(rf"^{indentation}", "", code, flags=re.MULTILINE)


def run_python(name: str, folder: Path) -> None:
    (folder / name).write_text(example(name), encoding="utf-8")
    subprocess.run([sys.executable, name], cwd=folder, check=True)


def prose(page: Path) -> str:
    """The page without code, in which nothing is a link or a heading."""
    return re.sub(r"^ *```.*?^ *```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- configuration.md ------------------------------------------------------------------------------------------------


def test_configuration_page_is_in_sync_with_the_models(capsys):
    assert load_generator().main(["--check"]) == 0, capsys.readouterr().err


def test_check_fails_where_the_page_is_out_of_date(monkeypatch, tmp_path, capsys):
    generator = load_generator()
    old = tmp_path / "configuration.md"
    old.write_text((DOCS / "configuration.md").read_text(encoding="utf-8").replace("| `gamma` |", "| `gama` |"), encoding="utf-8")
    monkeypatch.setattr(generator, "PAGE", old)
    assert generator.main(["--check"]) == 1
    assert "run: python docs/generate_configuration.py" in capsys.readouterr().err
    assert "gama" in old.read_text(encoding="utf-8")
    assert generator.main([]) == 0
    assert old.read_text(encoding="utf-8") == (DOCS / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("missing", ["UNITS", "SECTIONS"])
def test_a_new_key_or_model_must_be_described(missing):
    generator = load_generator()
    entries = getattr(generator, missing)
    entries.popitem() if missing == "UNITS" else entries.pop()
    with pytest.raises(ValueError, match=missing):
        generator.render(generator.schemas())


# --- links and lists -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_every_module_is_named_in_the_architecture():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    modules = {file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py") if file.name != "__init__.py"}
    section = text.split("## Modules of")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^\| `([\w/]+\.py)` \| .", section, flags=re.MULTILINE)) == sorted(modules)
    assert set(re.findall(r"`(\w+/\w+\.py)`", text)) <= modules


def test_every_metric_is_defined_in_the_protocol():
    iterations = np.tile(np.arange(1, 9), 2)
    evaluations = pd.DataFrame({"seed": 1, "iteration": iterations, "context": (iterations + 3) // 4})
    evaluations["task"] = np.repeat([1, 2], 8)
    evaluations["accuracy"] = np.linspace(0.5, 0.9, 16)
    evaluations = evaluations[evaluations["task"] <= evaluations["context"]]
    training = evaluations.loc[evaluations["task"] == 1, ["seed", "iteration", "context"]].assign(gain_output=1.0)
    tables = cell_metrics(evaluations), gain_metrics(training), paper_convention(evaluations)
    text = (DOCS / "protocol.md").read_text(encoding="utf-8")
    names = sorted({name for table in tables for name in table["metric"]})
    assert len(names) > 25
    assert [name for name in names if f"| `{name}`" not in text and f", `{name}`" not in text] == []


# --- docs/adding.md --------------------------------------------------------------------------------------------------


def test_own_images_and_own_optimizer_run(tmp_path):
    """Both examples at once, by the real workflow."""
    run_python("make_gratings.py", tmp_path)
    for name in ("gratings.yaml", "sign_sgd.yaml", "my_optimizers.py"):
        (tmp_path / name).write_text(example(name), encoding="utf-8")
    shutil.copy(REPOSITORY / "config.yaml", tmp_path)
    fewer = tmp_path / "fewer.yaml"
    fewer.write_text("suites: {mine: {optimizers: [ngm_sgd, sign_sgd]}}\n", encoding="utf-8")
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "2"]
    files = ["--configfile", "gratings.yaml", "sign_sgd.yaml", "fewer.yaml"]
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": ".", "PATH": scripts}
    made = subprocess.run(
        [*snakemake, "results/mine/metrics.parquet", *files],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert made.returncode == 0, made.stdout
    table = read_parquet(tmp_path / "results/mine/metrics.parquet", METRICS)
    final = table[table["metric"] == "avg_acc"]
    assert sorted(final["optimizer"]) == ["ngm_sgd"] * 2 + ["sign_sgd"] * 2
    assert (final["value"] > 0.3).all()  # chance is 0.25


def test_own_metric_works():
    namespace = {**vars(gap), "np": np, "pytest": pytest}
    exec(example("metric"), namespace)
    exec(example("metric test"), namespace)
    namespace["test_max_sg_is_the_deepest_fall"]()


def test_foreign_results_are_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(example("write_evaluations.py"), {})
    shown = CliRunner().invoke(commands, ["metrics", "my_evaluations.parquet"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "avg_sg_first" in shown.output
    CliRunner().invoke(commands, ["metrics", "my_evaluations.parquet", "-o", "metrics.parquet"], catch_exceptions=False)
    table = read_parquet(Path("metrics.parquet"), METRICS)
    assert set(table["optimizer"]) == {"my_evaluations"}
    gaps = table.loc[table["metric"] == "sg_first", "value"].to_numpy()
    np.testing.assert_allclose(gaps, [(0.9 - 0.3) / 0.9, (0.9 - 0.5) / 0.9])


def test_own_photos_under_the_cnn_are_a_valid_configuration():
    values = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))
    for name in ("photos.yaml", "photos_cnn.yaml"):
        for section, blocks in yaml.safe_load(example(name)).items():
            values[section] |= blocks
    config = resolve(values | {"suite": "mine"})
    assert config.cell("split_photos", "ngm_sgd").model.kind == "slim_resnet18"
    assert config.datasets["photos"].size == [32, 48]


def test_gain_modulation_runs_in_a_loop_of_ones_own():
    namespace: dict = {}
    exec(example("own_loop.py", "gain.md"), namespace)
    gain, model = namespace["gain"], namespace["model"]
    assert (gain.gains[0] > 1).all()
    assert model.fc.parametrizations.weight.original.grad is not None
    assert np.isfinite(namespace["loss"].item())


def test_readme_shows_what_is_published() -> None:
    done = subprocess.run(
        [sys.executable, REPOSITORY / "docs" / "generate_results.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
