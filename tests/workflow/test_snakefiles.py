"""The workflow's own code: linted, formatted, every rule with log and benchmark, digests complete, plans of any size."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from real_workflow import REPOSITORY, Workflow, counts

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
    assert len(plan) == 5000 + 1 + 50 + 1 + 1 + 1 + 100 + 2
    trained = [job for job in plan if job.rule == "train"]
    assert len({(job["benchmark"], job["optimizer"], job["seeds"]) for job in trained}) == 5000
    assert counts(plan)["train"] == 5000


# Imported by every step; what they do does not change a number or a picture.
PLUMBING = {"errors", "files", "provenance", "settings", "config"}
ENTRIES = {  # what the subcommand of each rule imports
    "dataset": ["tasks.prepare"],
    "stream": ["tasks.prepare"],
    "train": ["experiment.run"],
    "metrics": ["analysis.metrics", "analysis.paper_convention", "analysis.summary"],
    "statistics": ["analysis.claims", "analysis.ranks", "analysis.statistics"],
    "tables": ["presentation.comparison", "presentation.formats", "presentation.tables"],
    "curves": ["presentation.curves", "presentation.runs", "presentation.style"],
    "zoom": ["presentation.zoom", "presentation.runs", "presentation.style"],
    "gain_per_task": ["presentation.gain_per_task", "analysis.bands", "presentation.style"],
    "tradeoff": ["presentation.tradeoff", "presentation.style"],
}


@pytest.mark.parametrize("rule", ENTRIES)
def test_the_digest_of_a_rule_covers_all_code_that_it_runs(rule: str) -> None:
    digested = digested_by(rule)
    if rule == "train":  # its streams are made again when the code of tasks changes, and it follows
        digested += digested_by("stream")
    for module in closure(ENTRIES[rule]):
        covered = f"{module.replace('.', '/')}.py" in digested or module.split(".")[0] in digested
        assert covered, f"rule {rule} runs {module}, its digest covers only {digested}"


def digested_by(rule: str) -> list[str]:
    """Files and folders whose sources the rule's `code` parameter holds."""
    common = (REPOSITORY / "workflow/rules/common.smk").read_text(encoding="utf-8")
    called = re.search(r"^        code=(.*?)\n(?=    \w|\Z)", RULES[rule] + "\n", re.MULTILINE | re.DOTALL)
    assert called, f"rule {rule} has no code parameter"
    source = called[1].rstrip().rstrip(",")
    if source == "training_code":
        source = re.search(r"code_digest\([^()]*\)", common[common.index("def training_code") :])[0]  # type: ignore[index]
    functions: dict[str, Any] = {"code_digest": lambda *stages: list(stages)}
    tree = ast.parse(re.search(r"^def figure_code.*?(?=^\S)", common + "\n#", re.MULTILINE | re.DOTALL)[0])  # type: ignore[index]
    exec(compile(tree, "common.smk", "exec"), functions)
    return eval(source, functions)  # type: ignore[no-any-return]


def closure(entries: list[str]) -> set[str]:
    """Modules of the package that the entries import, directly or not, the entries among them; without the plumbing."""
    package = REPOSITORY / "src/stability_gap"
    found: set[str] = set()
    waiting = list(entries)
    while waiting:
        module = waiting.pop()
        path = package / f"{module.replace('.', '/')}.py"
        if module in found or module.split(".")[0] in PLUMBING or not path.is_file():
            continue
        found.add(module)
        waiting += imports_of(path)
    assert set(entries) <= found
    return found


def imports_of(path: Path) -> list[str]:
    """Names that may be modules of the package, imported by a file anywhere in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stability_gap"):
            parent = node.module.removeprefix("stability_gap").lstrip(".")
            names += [parent, *(f"{parent}.{alias.name}".lstrip(".") for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [
                alias.name.removeprefix("stability_gap.") for alias in node.names if alias.name.startswith("stability_gap.")
            ]
    return names
