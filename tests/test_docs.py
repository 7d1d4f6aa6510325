"""The documentation says what is true: links lead somewhere, lists are complete, examples run."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner

from stability_gap.analysis.measure import cell_metrics, gain_metrics
from stability_gap.analysis.paper_convention import paper_convention
from stability_gap.cli import commands
from stability_gap.config import resolve
from stability_gap.curves.content import read_content
from stability_gap.curves.options import Options
from stability_gap.curves.registry import formats
from stability_gap.curves.registry import read as read_curves
from stability_gap.files import METRICS, read_json, read_parquet, write_json, write_parquet

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
PAGES = sorted([*DOCS.glob("*.md"), REPOSITORY / "README.md"])
PACKAGE = REPOSITORY / "src" / "stability_gap"


def load_generator(name: str = "generate_configuration"):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    if str(DOCS) not in sys.path:
        sys.path.append(str(DOCS))  # where a script finds what it shares with the others
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


def test_every_section_of_the_protocol_that_is_cited_is_there():
    sections = set(re.findall(r"^## (\d+) ", (DOCS / "protocol.md").read_text(encoding="utf-8"), flags=re.MULTILINE))
    sources = [*(REPOSITORY / "src").rglob("*.py"), *(REPOSITORY / "workflow").rglob("*.smk"), REPOSITORY / "config.yaml"]
    for source in sources:
        text = source.read_text(encoding="utf-8")
        cited = re.findall(r"PROTOCOL (?:§|section )[\d§, ]+", text)
        assert set(re.findall(r"\d+", " ".join(cited))) <= sections, source


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


def test_the_table_of_modules_is_that_of_their_docstrings(capsys):
    assert load_generator("generate_architecture").main(["--check"]) == 0, capsys.readouterr().err


def test_every_module_of_the_architecture_is_there():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:\w+/)*\w+\.py)`", text))
    modules = {file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py")}
    assert len(named) > 40
    assert {name for name in named if "/" in name} <= modules


def test_a_changed_docstring_makes_the_table_out_of_date(monkeypatch, tmp_path, capsys):
    generator = load_generator("generate_architecture")
    shutil.copytree(PACKAGE, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(DOCS / "architecture.md", tmp_path)
    monkeypatch.setattr(generator, "PACKAGE", tmp_path / "package")
    monkeypatch.setattr(generator, "PAGE", tmp_path / "architecture.md")
    assert generator.main(["--check"]) == 0
    (tmp_path / "package" / "errors.py").write_text('"""Does another thing. And more."""\n')
    assert generator.main(["--check"]) == 1
    assert "run: python docs/generate_architecture.py" in capsys.readouterr().err
    assert generator.main([]) == 0
    assert "| `errors.py` | Does another thing |" in (tmp_path / "architecture.md").read_text()
    (tmp_path / "package" / "errors.py").write_text("")
    with pytest.raises(ValueError, match=r"errors\.py: give it a docstring"):
        generator.main(["--check"])


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
    families = {name: re.sub(r"_(first|previous|seen)$", "_*", name) for name in names}  # one row for the three references
    defined = set(re.findall(r"(?:\| |, )`([\w*]+)`", text))
    assert [name for name, family in families.items() if not defined & {name, family}] == []


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
    environment = os.environ | {"PATH": scripts}
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


def test_own_metric_works(tmp_path):
    """One file of decorated functions reaches metrics, summary, and, of the stream, statistics and ranks."""
    (tmp_path / "my_metrics.py").write_text(example("my_metrics.py"), encoding="utf-8")
    run_python("write_evaluations.py", tmp_path)
    (tmp_path / "metric_test.py").write_text(
        "import numpy as np, pytest\nfrom my_metrics import *\n" + example("metric test") + "test_max_sg_is_the_deepest_fall()",
        encoding="utf-8",
    )
    subprocess.run([sys.executable, "metric_test.py"], cwd=tmp_path, check=True)
    table = pd.read_parquet(tmp_path / "my_evaluations.parquet")
    folders = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        table.assign(accuracy=table["accuracy"] ** (1 if name == "a" else 2)).to_parquet(tmp_path / name / "evaluations.parquet")
        folders.append(name)
    own = ["--extension", "my_metrics"]
    stability_gap(tmp_path, "metrics", *folders, *own, "-o", "metrics.parquet", "--summary", "summary.csv")
    outputs = ["--statistics", "statistics.csv", "--ranks", "ranks.csv", "--claims", "claims.csv"]
    stability_gap(tmp_path, "statistics", "metrics.parquet", "--incremental", "unnamed=class", *own, *outputs)
    reached = {name: set(pd.read_csv(tmp_path / f"{name}.csv")["metric"]) for name in ("summary", "statistics", "ranks")}
    assert {"max_sg", "depth"} <= reached["summary"]
    assert all("max_sg" in reached[name] and "depth" not in reached[name] for name in ("statistics", "ranks"))
    measured = pd.read_parquet(tmp_path / "metrics.parquet")
    depths = measured[(measured["metric"] == "depth") & (measured["optimizer"] == "a")]
    assert depths["value"].tolist() == pytest.approx([0.9 - 0.3, 0.9 - 0.5])
    assert depths["context"].tolist() == [2, 2]
    assert resolve(with_blocks("my_metrics.yaml")).extensions.metrics == ["my_metrics"]


def stability_gap(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "stability_gap.cli", *arguments], cwd=folder, check=True)


def with_blocks(*names: str) -> dict[str, object]:
    """Add the blocks of examples to config.yaml."""
    values = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))
    for name in names:
        for section, blocks in yaml.safe_load(example(name)).items():
            values[section] = values.get(section, {}) | blocks
    return values


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


# --- docs/own-curves.md ----------------------------------------------------------------------------------------------

OWN_CURVES = "own-curves.md"


def commands_of(page: str) -> list[list[str]]:
    """The indented `stability-gap` lines of a page, as arguments."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [line.split()[1:] for line in re.findall(r"^    (stability-gap .*)$", text, flags=re.MULTILINE)]


def write_run_folder(folder: Path, table: pd.DataFrame, optimizer: str) -> None:
    write_parquet(folder / "evaluations.parquet", table)
    write_json(folder / "run.json", {"benchmark": "split_digits", "optimizer": optimizer, "classes": 10, "incremental": "class"})


def test_every_recipe_for_own_curves_runs(tmp_path, monkeypatch):
    """All examples of the page, in its order, then all its commands."""
    monkeypatch.chdir(tmp_path)
    exec(example("make_curves.py", OWN_CURVES), {})
    curves = read_curves(read_content(Path("mine.csv")), Options())
    write_run_folder(Path("results/runs/split_digits/ngm_sgd/1-3"), curves, "ngm_sgd")

    # What Avalanche and its kin collect: a name -> (updates, values), of which a value may be a tensor.
    first = curves[(curves["seed"] == 1) & (curves["task"] == 1)]["accuracy"].tolist()[:400]
    second = curves[(curves["seed"] == 1) & (curves["task"] == 2)]["accuracy"].tolist()[:200]
    updates = [0, *range(200), 200, 200, *range(200, 400), 400]
    exps = [
        [0.1, *first[:200], first[199], first[199], *first[200:], first[-1]],
        [0.1, *[0.0] * 200, 0.0, 0.0, *second, torch.tensor(second[-1])],
    ]
    avalanche = {f"Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp00{i}": (updates, values) for i, values in enumerate(exps)}
    avalanche["Top1_Acc_Stream/eval_phase/test_stream/Task000"] = ([200], [torch.zeros(2)])
    tracked = {
        "TRACK_MB_acc/train_phase/train_stream/Task000": (list(range(-1, 400)), [0.1, *first]),
        "TRACK_MB_acc/train_phase/train_stream/Task001": (list(range(200, 400)), second),
        "ConfusionMatrix_Stream/eval_phase/test_stream": ([400], [torch.zeros(2, 2)]),
    }
    plotted = {
        "acc per context": {"context 1": first, "context 2": [0] * 200 + second},
        "average": first,
        "x_iteration": list(range(1, 401)),
        "x_context": [1] * 200 + [2] * 200,
    }
    evaluator = SimpleNamespace(get_all_metrics=lambda: avalanche, all_metric_results=tracked)
    exec(example("avalanche_dump.py", OWN_CURVES), {"strategy": SimpleNamespace(evaluator=evaluator)})
    exec(example("continual_evaluation_dump.py", OWN_CURVES), {"strategy": SimpleNamespace(evaluator=evaluator)})
    exec(example("van_de_ven_dump.py", OWN_CURVES), {"plotting_dict": plotted})

    exec(example("own_loop.py", OWN_CURVES), {})
    exec(example("in_python.py", OWN_CURVES), {})
    assert Path("curves.png").stat().st_size > 5000

    outputs = {}
    for arguments in commands_of(OWN_CURVES):
        done = CliRunner().invoke(commands, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        folder = arguments[arguments.index("-o") + 1]
        assert Path(folder, "figures", "tradeoff.png").exists(), folder
        outputs[folder] = done.output
    assert sorted(outputs) == ["out", "out_alone", "out_loop", "out_tools"]
    assert {"mine", "ngm_sgd"} <= set(re.findall(r"\w+", outputs["out"]))
    assert "unpaired, so no test: er, replay, si" in outputs["out_tools"]

    # The three tools hold the same two tasks, so that they measure the same.
    tools = read_parquet(Path("out_tools/metrics.parquet"), METRICS)
    gaps = tools.query("metric == 'sg_first'").set_index("optimizer")["value"]
    assert sorted(gaps.index) == ["er", "replay", "si"]
    np.testing.assert_allclose(gaps, gaps.iloc[0])
    assert 0.2 < gaps.iloc[0] < 0.6


def test_every_format_is_on_the_page_of_own_curves():
    text = (DOCS / OWN_CURVES).read_text(encoding="utf-8")
    table = text.split("| format | file |")[1].split("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in table.splitlines()[2:]))) == sorted(formats())


def test_readme_shows_what_is_published() -> None:
    done = subprocess.run(
        [sys.executable, REPOSITORY / "docs" / "generate_results.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# --- reproducing.md --------------------------------------------------------------------------------------------------


def test_costs_are_those_of_the_manifests(capsys):
    assert load_generator("generate_costs").main(["--check"]) == 0, capsys.readouterr().err


@pytest.fixture
def priced(monkeypatch, tmp_path):
    """The generator of docs/reproducing.md on the published suite digits, of which every run takes 30 s and 2 MB."""
    generator = load_generator("generate_costs")
    shutil.copy(DOCS / "reproducing.md", tmp_path)
    folder = tmp_path / "paper_figures" / "digits"
    folder.mkdir(parents=True)
    shutil.copy(REPOSITORY / "paper_figures" / "digits" / "claims.csv", folder)
    manifest = read_json(REPOSITORY / "paper_figures" / "digits" / "MANIFEST.json")
    cost = {"runs": 10, "seconds": 300.0, "threads": 2, "peak_memory_mib": 700.0, "megabytes": 20.0}
    cells = {benchmark: dict.fromkeys(manifest["config"]["optimizers"], cost) for benchmark in manifest["config"]["benchmarks"]}
    sizes = {"suite": 1.0, "streams": 2.0, "data": 3.0}
    manifest["costs"] = {"cells": cells, "processor": ["x86_64"], "megabytes": sizes}
    write_json(folder / "MANIFEST.json", manifest)
    monkeypatch.setattr(generator, "PUBLISHED", tmp_path / "paper_figures")
    monkeypatch.setattr(generator, "PAGE", tmp_path / "reproducing.md")
    return generator, folder


def test_costs_are_summed_up_by_suite_claim_and_cell(priced):
    generator, folder = priced
    assert generator.main([]) == 0
    text = (folder.parents[1] / "reproducing.md").read_text(encoding="utf-8")
    assert "80 runs took 80 core-minutes of training (cpu, x86_64), at most 700 MiB of memory per job, and 166 MB on disk" in text
    rows = {line.split(".")[0]: line for line in text.splitlines() if re.match(r"\| \d\.", line)}
    assert list(rows) == [f"| {number}" for number in range(1, 7)]
    assert rows["| 1"].endswith("`snakemake --cores all results/digits/claims.csv --config suite=digits` | 80 | 160 |")
    assert rows["| 5"].endswith("'suites={digits: {optimizers: [ngm_sgd]}}'` | 20 | 40 |")
    assert "| Split digits | NGM-SGD | 10 | 30 | 700 | 2 |" in text
    assert "not recorded" not in text
    assert generator.main(["--check"]) == 0


def test_costs_that_nobody_recorded_are_said_to_be_so(priced, capsys):
    generator, folder = priced
    manifest = read_json(folder / "MANIFEST.json")
    del manifest["costs"]["cells"]["split_digits"]["sgd"]
    write_json(folder / "MANIFEST.json", manifest)
    assert generator.main(["--check"]) == 1
    assert "run: python docs/generate_costs.py" in capsys.readouterr().err
    text = generator.page((DOCS / "reproducing.md").read_text(encoding="utf-8"))
    assert "80 runs; what they cost was not recorded" in text
    assert "| Split digits | SGD | not recorded |" in text
    assert "'suites={digits: {optimizers: [ngm_sgd]}}'` | 20 | 40 |" in text  # of NGM-SGD it is known


@pytest.mark.parametrize(("value", "text"), [(0.534, "0.53"), (6.44, "6.4"), (9.97, "10"), (1234.5, "1,234")])
def test_costs_have_two_digits(value, text):
    assert load_generator("generate_costs").number(value) == text


def test_the_reliability_page_has_the_counts_and_nothing_was_lost(capsys):
    assert load_generator("generate_reliability").main(["--check"]) == 0, capsys.readouterr().err
    counts = pd.read_csv(DOCS / "reliability.csv")
    assert len(counts) > 10
    assert (counts["survived"] == counts["tried"]).all()
    assert (counts["lost"] == 0).all()


def test_the_page_on_scaling_is_up_to_date(capsys):
    assert load_generator("generate_scaling").main(["--check"]) == 0, capsys.readouterr().err


def test_a_cost_model_finds_the_terms_that_made_the_costs():
    generator = load_generator("generate_scaling")
    terms = [[1000.0, 10.0], [600.0, 400.0], [1000.0, 2500.0], [50.0, 3.0]]
    assert np.allclose(generator.fit(terms, [0.002 * updates + 0.03 * work for updates, work in terms]), [0.002, 0.03])
    assert (generator.fit(terms, [0.03 * work for _, work in terms]) >= 0).all()


def test_space_is_counted_in_the_values_that_a_run_writes():
    """Split digits: 5 contexts of 200 updates, all evaluated on the tasks seen."""
    evaluations = 200 * (1 + 2 + 3 + 4 + 5)
    generator = load_generator("generate_scaling")
    assert generator.terms_of_space("split_digits") == [1, 2 * evaluations + generator.COLUMNS["mlp"] * 1000]


def test_suites_of_the_slower_processor_take_no_part_in_the_fit_of_time():
    generator = load_generator("generate_scaling")
    rows = generator.measured()
    (time, _), (same, _) = (
        generator.fitted([*rows, *more]) for more in ([], [generator.Measured("mnist", "split_mnist", 500, 0.05)])
    )
    assert time.tolist() == same.tolist()


def test_gpus_on_paper_do_the_operations_that_were_counted():
    """Of docs/performance.md: 6.08 TFLOP a run of split MNIST; 83.6 GFLOP an update of 256 CIFAR images, 28.0 an evaluation."""
    generator, paper = load_generator("generate_scaling"), load_generator("scaling_on_gpus")
    cifar = 2 * 83.6 + 2000 * 6000 / 256 * 28.0 / 1000  # 2,000 updates, 2 to 10 thousand images after each
    for name, expected in {"split_mnist": 6.08, "split_cifar10": cifar}.items():
        cost = paper.cost(*generator.terms_of_time(name), generator.CONFIG.benchmarks[name].model.kind, 5)
        assert cost.operations == pytest.approx(expected, rel=0.01)
        assert cost.computing == pytest.approx(cost.operations / 3.9)
        assert cost.seconds == cost.computing + 7 / 5
    idle = paper.cost(1000, 0.001, "mlp", 1)  # next to nothing to compute: 100 launches of 5 µs each update
    assert idle.seconds == pytest.approx(0.5 + 7)


def test_jobs_are_not_divided_among_workers():
    hours = load_generator("generate_scaling").hours
    assert [hours("split_mnist", 36, 100, workers) for workers in (1, 8, 64)] == pytest.approx([1, 3 * 0.05, 0.05])  # 20 jobs


def test_every_journey_is_listed() -> None:
    text = (DOCS / "journeys.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\| (?!journey|---)", text, flags=re.MULTILINE)) == 9
    walked = sorted(path.name for path in (REPOSITORY / "tests" / "journeys").glob("test_*.py"))
    assert [name for name in walked if f"../tests/journeys/{name}" not in text] == []


def test_marks_that_differ_are_counted_and_what_was_not_tested_is_not():
    counted = load_generator("generate_results")._counted
    assert counted(["✓", "✓"]) == "✓"
    assert counted(["–", "✗", "–"]) == "✗"
    assert counted(["–"]) == "–"
    assert counted(["✗", "✓", "?", "✓"]) == "✓\u202f2 ✗\u202f1 ?\u202f1"


def test_a_benchmark_that_is_only_evaluated_less_often_stands_for_the_full_one():
    alike = load_generator("generate_results").evaluated_alike()
    bases = ("split_digits", "rotated_digits", "split_mnist")
    assert {base: alike[f"{base}_sparse"] for base in bases} == {base: base for base in bases}
    assert "split_digits_half" not in alike  # fewer updates are another training
