"""The smoke suite on Slurm has the bytes of a local run, in a handful of queue entries."""

from cases import Call
from private_slurm import PrivateSlurm
from real_workflow import Workflow, digests

ACCOUNTING = False


def test_grouped(slurm: PrivateSlurm, smoke: Workflow, smoke_digests: dict[str, str]) -> None:
    """As the profile stands, and with ten runs in one entry: inputs, two benchmarks, numbers, and what is shown."""
    profile = smoke.folder / "profiles/slurm/config.yaml"
    switched = profile.read_text(encoding="utf-8").replace("# train: runs_{benchmark}", 'train: "runs_{benchmark}"')
    assert switched.count('train: "runs_{benchmark}"') == 1
    profile.write_text(switched, encoding="utf-8")
    with Call(smoke) as call:
        assert call.end() == 0, call.said()
    assert slurm.entries() == 5
    assert digests(smoke) == smoke_digests
