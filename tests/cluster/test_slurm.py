"""The smoke suite through a real Slurm gives the same bytes as a local run. Needs a running Slurm: `make test-cluster`."""

import hashlib
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def workflow(folder: Path, *options: str) -> dict[str, str]:
    """Run the smoke suite in a fresh copy; sha256 of every result that must not depend on where it ran."""
    folder.mkdir()
    for name in ("Snakefile", "config.yaml", "workflow", "profiles", "reference", "envs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    subprocess.run(["snakemake", *options, "--config", "suite=smoke"], cwd=folder, check=True)
    results = folder / "results"
    stable = [
        *results.glob("smoke/*.*"),
        *results.glob("smoke/tables/*"),
        *results.glob("smoke/figures/*"),
        *results.glob("runs/*/*/*/*.parquet"),
    ]
    return {str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(stable)}


def test_slurm_gives_the_same_bytes_as_a_local_run(tmp_path: Path) -> None:
    subprocess.run(["sinfo"], check=True)  # fails with Slurm's own words where there is none
    on_slurm = workflow(tmp_path / "slurm", "--workflow-profile", "profiles/slurm", "--latency-wait", "5")
    local = workflow(tmp_path / "local", "--cores", "2")
    assert len(local) > 30
    assert on_slurm == local
