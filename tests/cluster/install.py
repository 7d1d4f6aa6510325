"""Have the programs of Slurm: installed with apt-get where they are missing, or one sentence that says why not."""

import os
import shutil
import subprocess

PROGRAMS = {"munged": "munge", "slurmctld": "slurmctld", "slurmd": "slurmd", "squeue": "slurm-client"}
ACCOUNTING = {"slurmdbd": "slurmdbd", "mariadbd": "mariadb-server", "mariadb-install-db": "mariadb-server"}


def have_slurm() -> None:
    """Install what is missing. Ends the test run where that is not possible: a skipped test would hide that nothing was tried."""
    packages = sorted({package for program, package in (PROGRAMS | ACCOUNTING).items() if shutil.which(program) is None})
    if os.geteuid() != 0:
        raise SystemExit("make test-cluster starts slurmd, which needs root: run it in a container or a virtual machine as root.")
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise SystemExit(f"make test-cluster needs a Slurm; there is no apt-get here, so install by hand: {' '.join(packages)}.")
    quietly = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(command, env=quietly, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise SystemExit(f"make test-cluster could not install a Slurm: `{' '.join(command)}` failed, {last}")
