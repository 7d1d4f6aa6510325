"""The lock and the conda environment agree, and the lock serves any index."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.sub(r"\[.*\]", "", name)).lower()


def lock() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [re.split(r"==|;", line) for line in lines if line and not line.startswith("#")]
    return {normal(pin[0].strip()): pin[1].strip() for pin in pins}


def test_the_lock_pins_every_line_and_names_no_address() -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r'[a-z0-9-]+==[\w.!]+( ; sys_platform == "linux")?', line) for line in lines)
    assert {"torch", "torchvision", "snakemake", "pytest"} <= set(lock())


def test_conda_has_the_versions_of_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "envs" / "stability-gap.yaml").read_text())
    pins = dict(requirement.split("==") for requirement in environment["dependencies"][-1]["pip"])
    different = {
        name: (version, lock().get(normal(name))) for name, version in pins.items() if lock().get(normal(name)) != version
    }
    assert not different, f"envs/stability-gap.yaml and requirements.lock differ (run `make lock`): {different}"


def test_torch_and_torchvision_come_from_one_release() -> None:
    import torchvision  # fails with "torchvision::nms" beside a torch of another index

    assert torchvision.ops.nms is not None
