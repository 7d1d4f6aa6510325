"""The workflow's own code: linted, formatted, every rule with log and benchmark, digests complete, plans of any size."""

import ast
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from real_workflow import FULL, REPOSITORY, Job, Workflow, counts, jobs_in

from stability_gap.presentation.figures import registry
from stability_gap.provenance import code_of

PACKAGE = REPOSITORY / "src/stability_gap"
RULE_FILES = sorted((REPOSITORY / "workflow/rules").glob("*.smk"))
RULES = {
    match[1]: match[2]
    for path in [REPOSITORY / "Snakefile", *RULE_FILES]
    for match in re.finditer(
        r"^(?:use rule \w+ as |rule )(\w+)(?: with)?:\n(.*?)(?=^\S|\Z)",
        path.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
}


def test_the_workflow_is_lint_free(fresh: Workflow) -> None:
    linted = fresh.snakemake("--lint")
    assert linted.returncode == 0, linted.stdout


def test_the_workflow_is_formatted() -> None:
    checked = Workflow(REPOSITORY).run("snakefmt", "--check", "Snakefile", "workflow")
    assert checked.returncode == 0, checked.stdout


def test_rules_are_found_here_as_snakemake_finds_them(fresh: Workflow) -> None:
    listed = fresh.make("--list-rules")
    assert set(RULES) == set(re.findall(r"^(\w+)(?: \(.*\))?$", listed, re.MULTILINE))


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"all"}))
def test_every_rule_has_a_log_and_a_benchmark_of_its_own(rule: str) -> None:
    for directive in ("log", "benchmark"):
        assert re.search(rf"^    {directive}:\n        f\"", RULES[rule], re.MULTILINE), directive


def test_a_plan_of_5000_cells(fresh: Workflow) -> None:
    def enlarge(values: dict[str, Any]) -> None:
        names = [f"split_digits_{number}" for number in range(50)]
        for number, name in enumerate(names):
            block = {"like": "split_digits_smoke", "iterations": 12 + number, "seeds_per_job": 1}
            values["benchmarks"][name] = block
        values["suites"]["large"] = {"like": "smoke", "benchmarks": names, "seeds": list(range(25))}
        values["suite"] = "large"

    fresh.configure(enlarge)
    plan = fresh.plan("--quiet", "host")
    parts = {"runs": 5000, "data": 1, "streams": 50, "analysed": 4, "figures": 2 * 50 + 2, "report": 1}
    assert len(plan) == sum(parts.values())
    trained = [job for job in plan if job.rule == "train"]
    assert len({(job["benchmark"], job["optimizer"], job["seeds"]) for job in trained}) == 5000
    assert counts(plan)["train"] == 5000


@pytest.mark.parametrize(("figure", "planned"), [("curves", {"figure_of_benchmark": 2}), ("tradeoff", {"figure_of_suite": 1})])
def test_figures_of_one_sort_alone(fresh: Workflow, figure: str, planned: dict[str, int]) -> None:
    fresh.configure(lambda values: values["suites"]["smoke"].update(figures=[figure]))
    output = fresh.make("--dry-run", *FULL)
    assert "Exception" not in output  # snakemake tells of a rule that took another's file, and goes on
    assert {rule: count for rule, count in counts(jobs_in(output)).items() if rule.startswith("figure")} == planned


# As part of other workflows


def test_the_workflow_is_found_where_catalogs_look(fresh: Workflow) -> None:
    assert "everything" not in fresh.make("--list-rules")  # the Snakefile at the top comes first
    planned = fresh.plan("--snakefile", "workflow/Snakefile")
    assert Counter(planned) == Counter([*fresh.plan(), Job("everything")])  # jobs that wait for nothing come in any order


def test_the_workflow_is_a_module_of_another(fresh: Workflow, tmp_path: Path) -> None:
    other = Workflow(tmp_path / "other")
    other.folder.mkdir()
    shutil.copy(fresh.folder / "config.yaml", other.folder / "gap.yaml")
    (other.folder / "Snakefile").write_text(
        'configfile: "gap.yaml"\n'
        f'module gap:\n    snakefile: "{fresh.folder}/workflow/Snakefile"\n    config: config\n'
        "use rule * from gap as gap_*\n"
        'rule mine:\n    default_target: True\n    input: "results/smoke/metrics.parquet"\n'
        '    output: "mine.parquet"\n    shell: "cp {input} {output}"\n',
        encoding="utf-8",
    )
    planned = other.run("snakemake", "--dry-run", PYTHONPATH=str(fresh.folder / "src"))
    assert planned.returncode == 0, planned.stdout
    assert counts(jobs_in(planned.stdout)) == {"gap_dataset": 1, "gap_stream": 2, "gap_train": 12, "gap_metrics": 1, "mine": 1}


# Digests of code (stability_gap.provenance)

ENTRIES = {  # the modules that the digest of each rule starts from, as the rule names them
    rule: re.findall(r'"([\w.]+)"', digest[1])
    for rule, text in RULES.items()
    if (digest := re.search(r"code=code_digest\(([^)]*)\)", text))
} | {"train": ["experiment.run"]}


def test_no_rule_lists_files_of_code() -> None:
    for path in [REPOSITORY / "Snakefile", *RULE_FILES]:
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"""["'][\w/{}]+\.py["']""", text), path.name


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"all"}))
def test_every_rule_carries_a_digest_of_its_code(rule: str) -> None:
    assert re.search(r"^        code=\S", RULES[rule], re.MULTILINE) or "use rule" in RULES[rule], rule


def test_the_digest_of_a_rule_starts_from_what_its_subcommand_imports() -> None:
    """Each subcommand imports its modules inside its function; the rule that runs it digests the same."""
    functions = {
        node.name: node
        for file in (PACKAGE / "cli").glob("*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    for rule, entries in ENTRIES.items():
        command = re.search(r"stability-gap --log \{log:q\} (\w+)", RULES[rule])
        assert command, rule
        imported = imports_of(functions[command[1]])
        alone = {"publication", "verification"}
        used = {module for module in imported if module in alone or ("." in module and not module.endswith(".settings"))}
        assert used <= set(code_of(*entries)), rule


def test_every_module_of_a_stage_is_reached_from_the_command_line() -> None:
    """One that is not is either unused, or found in a way that `code_of` does not see."""
    stages = {"tasks", "learners", "experiment", "analysis", "presentation"}
    modules = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py" and path.relative_to(PACKAGE).parts[0] in stages
    }
    assert len(modules) > 30
    figures = [kind.module for kind in registry.kinds().values()]  # found by listing; rules name the one they draw
    no_steps = {"analysis.calibration", "analysis.frontier_calibration"}  # of the pipeline: benchmarks/calibration.py
    assert modules - set(code_of("cli", *figures)) == no_steps


def imports_of(function: ast.FunctionDef) -> set[str]:
    """Modules of the package that a function imports."""
    names: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stability_gap"):
            parent = node.module.removeprefix("stability_gap").lstrip(".")
            names |= {parent} if parent else {alias.name for alias in node.names}
    return names


# The interpreter of jobs


def test_jobs_run_in_snakemakes_own_interpreter_without_activation(fresh: Workflow) -> None:
    """From a shell that knows nothing of the environment, beside a file that has the name of a module of python's."""
    (fresh.folder / "random.py").write_text("raise SystemExit('the wrong module')\n", encoding="utf-8")
    snakemake = str(Path(sys.executable).parent / "snakemake")
    target = "results/data/digits/data.npz"
    made = fresh.run(snakemake, "--cores", "1", target, PATH="/usr/bin:/bin")
    assert made.returncode == 0, made.stdout
    assert (fresh.folder / target).is_file()


def test_with_a_deployment_method_jobs_run_in_the_python_of_their_environment(fresh: Workflow) -> None:
    marker = fresh.folder / "asked"
    python = fresh.folder / "environment" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\necho "$PYTHONPATH" > {marker}\nexec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    path = f"{python.parent}:{fresh.environment['PATH']}"
    options = ("--cores", "1", "--software-deployment-method", "env-modules")
    made = fresh.run("snakemake", "results/data/digits/data.npz", *options, PATH=path)
    assert made.returncode == 0, made.stdout
    assert marker.read_text(encoding="utf-8").startswith(f"{fresh.folder}/src")


def test_a_user_whose_name_nobody_knows_can_run_it(fresh: Workflow) -> None:
    """As in a container that runs under a bare number; snakemake itself asks for a name."""
    unknown = "import pwd\n\ndef unknown(number):\n    raise KeyError(number)\n\npwd.getpwuid = unknown\n"
    (fresh.folder / "src" / "sitecustomize.py").write_text(unknown, encoding="utf-8")
    nameless = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "")
    assert fresh.snakemake("results/data/digits/data.npz", "--cores", "1", **nameless).returncode == 0
