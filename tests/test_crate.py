"""What archives and checkers read: ro-crate-metadata.json and codecheck.yml are up to date and name files that are there."""

import json
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture
def generator(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    monkeypatch.delitem(sys.modules, "generate_crate", raising=False)
    import generate_crate

    return generate_crate


def entities() -> dict[str, dict]:
    graph = json.loads((ROOT / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    return {entity["@id"]: entity for entity in graph}


def ids(value: dict | list) -> list[str]:
    return [each["@id"] for each in (value if isinstance(value, list) else [value])]


def test_the_crate_is_up_to_date(generator, capsys):
    assert generator.main(["--check"]) == 0, capsys.readouterr().err


def test_every_file_of_the_crate_is_there_and_every_reference_leads_somewhere():
    found = entities()
    for name in ids(found["./"]["hasPart"]):
        assert (ROOT / name).exists(), name
    for entity in found.values():
        for value in entity.values():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict) and not each["@id"].startswith("http"):
                    assert each["@id"] in found, (entity["@id"], each["@id"])


def test_every_published_suite_is_a_run_of_the_workflow():
    found = entities()
    suites = {path.parent.name for path in (ROOT / "paper_figures").glob("*/MANIFEST.json")}
    assert {f"#run-{name}" for name in suites} == set(ids(found["./"]["mentions"]))
    for name in suites:
        run = found[f"#run-{name}"]
        assert run["instrument"] == {"@id": "Snakefile"}
        assert ids(run["result"]) == [f"paper_figures/{name}/", f"paper_figures/{name}/MANIFEST.json"]
        assert found[f"#suite-{name}"]["value"] == name


def test_the_codecheck_names_published_files():
    check = yaml.safe_load((ROOT / "codecheck.yml").read_text(encoding="utf-8"))
    assert check["version"] == "https://codecheck.org.uk/spec/config/1.0/"
    for entry in check["manifest"]:
        assert (ROOT / entry["file"]).is_file(), entry["file"]
        assert entry["comment"]
