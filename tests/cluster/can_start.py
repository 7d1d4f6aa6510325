"""Say whether a Slurm can be installed and started on this machine, by the exit status: CI asks before it calls the tests."""

import sys
import tempfile
from pathlib import Path

from install import have_slurm
from private_slurm import PrivateSlurm


def main() -> None:
    """Start a Slurm and stop it again. Ends with one line on stderr where that fails, whatever the reason."""
    try:
        have_slurm()
        with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
            slurm = PrivateSlurm(Path(folder), accounting=False)
            try:
                slurm.start()
            finally:
                slurm.stop()
    except (Exception, SystemExit) as error:
        sys.exit(f"No Slurm can be had here, so its tests are left out: {error}")


if __name__ == "__main__":
    main()
