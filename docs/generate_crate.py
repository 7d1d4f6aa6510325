"""Write ro-crate-metadata.json: the repository as a Workflow Run RO-Crate, for archives that read such descriptions.

python docs/generate_crate.py           writes the file
python docs/generate_crate.py --check   writes nothing, exits 1 where the file is out of date

The workflow is the Snakefile; every published suite is a run of it, whose results are the folder paper_figures/{suite} with the
digests in its MANIFEST. Profile: Workflow Run Crate 0.5 (Leo et al. 2024, doi 10.1371/journal.pone.0309210).
"""

import json
import sys
from pathlib import Path

import yaml
from generated_page import call
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from stability_gap import config as configuration
from stability_gap import files

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "ro-crate-metadata.json"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}


def page(_old: str = "") -> str:
    """The content of ro-crate-metadata.json."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    crate = ROCrate(version="1.1")
    root = crate.root_dataset
    crate.name, crate.description = citation["title"], "Workflow, configuration and published results, one folder per suite."
    root["datePublished"] = str(citation["date-released"])
    licence = crate.add(
        ContextEntity(crate, "https://spdx.org/licenses/MIT", properties={"@type": "CreativeWork", "name": "MIT License"})
    )
    authors = crate.add(
        ContextEntity(crate, "#authors", properties={"@type": "Organization", "name": citation["authors"][0]["name"]})
    )
    root["license"], root["author"], root["publisher"] = licence, authors, authors
    root["conformsTo"] = [
        crate.add(ContextEntity(crate, uri, properties={"@type": "CreativeWork", "name": name, "version": version}))
        for uri, (name, version) in PROFILES.items()
    ]
    suite = crate.add(
        ContextEntity(
            crate,
            "#suite",
            properties={
                "@type": "FormalParameter",
                "name": "suite",
                "additionalType": "Text",
                "valueRequired": False,
                "description": "which suite of config.yaml to make: snakemake --config suite=…",
            },
        )
    )
    settings = crate.add_file("config.yaml", properties={"name": "config.yaml", "encodingFormat": "application/yaml"})
    workflow = crate.add_workflow("Snakefile", main=True, lang="snakemake", properties={"name": "stability-gap"})
    workflow["input"], workflow["license"], workflow["creator"], workflow["version"] = (
        suite,
        licence,
        authors,
        citation["version"],
    )
    workflow["encodingFormat"] = "text/plain"
    crate.add_file("README.md", properties={"name": "README", "encodingFormat": "text/markdown", "about": {"@id": "./"}})
    root["mentions"] = [run(crate, folder, workflow, settings, suite, authors) for folder in published()]
    return json.dumps(crate.metadata.generate(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def published() -> list[Path]:
    """The published suites, in the order of config.yaml."""
    suites = configuration.load(ROOT / "config.yaml").suites
    return [ROOT / "paper_figures" / name for name in suites if (ROOT / "paper_figures" / name / "MANIFEST.json").is_file()]


def run(
    crate: ROCrate, folder: Path, workflow: ContextEntity, settings: ContextEntity, suite: ContextEntity, agent: ContextEntity
) -> ContextEntity:
    """The run of the workflow that made a suite."""
    manifest = files.read_json(folder / "MANIFEST.json")
    place = f"paper_figures/{folder.name}/"
    chosen = ContextEntity(
        crate,
        f"#suite-{folder.name}",
        properties={"@type": "PropertyValue", "name": "suite", "value": folder.name, "exampleOfWork": {"@id": suite.id}},
    )
    results = crate.add_dataset(place, place, properties={"name": f"Results of suite {folder.name}"})
    digests = crate.add_file(
        *(f"{place}MANIFEST.json",) * 2,
        properties={
            "name": f"sha256 of {len(manifest['files'])} files, settings, versions and digests of code and data",
            "encodingFormat": "application/json",
        },
    )
    return crate.add(
        ContextEntity(
            crate,
            f"#run-{folder.name}",
            properties={
                "@type": "CreateAction",
                "name": f"snakemake --cores all --config suite={folder.name}",
                "description": f"{manifest['runs']} training runs by code {manifest['code']}",
                "instrument": {"@id": workflow.id},
                "agent": {"@id": agent.id},
                "object": [{"@id": settings.id}, {"@id": crate.add(chosen).id}],
                "result": [{"@id": results.id}, {"@id": digests.id}],
            },
        )
    )


def main(arguments: list[str]) -> int:
    """Write the file, or with --check compare; the exit status."""
    return call(PAGE, page, "generate_crate", __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
