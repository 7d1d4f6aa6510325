"""Read the official files of MNIST, CIFAR-10 and CIFAR-100, in torchvision's layout, only after their md5 matched.

The md5 sums and addresses are torchvision's own tables. torchvision unpacks what it downloads; here archives are read
as they are, so that a read-only folder will do. CIFAR is read from its unpacked folder where that is complete, else
from its archive.
"""

import gzip
import hashlib
import io
import os
import pickle
import tarfile
import time
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np

from stability_gap.errors import UserError
from stability_gap.tasks.arrays import Array

STALLED_AFTER = 60.0  # seconds without a byte
ATTEMPTS = 2  # rounds over all mirrors; more would make a user without a network wait for long
PAUSE = 5.0  # seconds between two rounds


@dataclass(frozen=True)
class OfficialFile:
    """Name a published file: `path` relative to data_root, its md5 and where it can be had."""

    path: str
    md5: str
    urls: tuple[str, ...] = ()


def read(name: str, data_root: Path, npz: str | None = None) -> tuple[dict[str, Array], dict[str, str]]:
    """Read the arrays of the data set `name` (MNIST, CIFAR10 or CIFAR100) and the sha256 of every file.

    Arrays: train_images, test_images uint8 (n, H, W) or (n, H, W, 3); train_labels, test_labels (n,); for CIFAR100 also
    train_coarse_labels, test_coarse_labels (n,) and coarse_names (20,). `npz` is the file that the message names where
    it would do instead. Errors: UserError where files are missing or damaged.
    """
    missing = missing_files(name, data_root)
    if missing:
        raise UserError(
            f"{name} is not complete in data_root ({data_root}): {', '.join(file.path for file in missing)} missing. "
            + _advice(npz)
        )
    if name == "MNIST":
        contents = {file.path: _verified(file, data_root) for file in _published_files(name)}
        arrays = _mnist_arrays(contents)
    else:
        contents = _cifar_contents(name, data_root)
        arrays = _cifar_arrays(name, contents)
    return arrays, {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}


def missing_files(name: str, data_root: Path) -> list[OfficialFile]:
    """List the published files of the data set `name` that are needed and not in `data_root`."""
    if _is_unpacked(name, data_root):
        return []
    return [file for file in _published_files(name) if not os.path.isfile(data_root / file.path)]


def download(name: str, data_root: Path, npz: str | None = None) -> None:
    """Fetch what `missing_files` lists, each file whole or not at all; `npz` as in `read`. Errors: UserError.

    Two processes that do so at once need no lock: each downloads into a file of its own and moves it into place after its md5
    matched, so the one that comes second replaces a file by the same bytes.
    """
    for file in missing_files(name, data_root):
        _fetch(name, file, data_root, npz)


def _published_files(name: str) -> list[OfficialFile]:
    from torchvision import datasets  # takes seconds to import, needed only to read official files

    source: Any = getattr(datasets, name)
    if name == "MNIST":
        return [
            OfficialFile(f"MNIST/raw/{file}", md5, tuple(f"{mirror}{file}" for mirror in source.mirrors))
            for file, md5 in source.resources
        ]
    return [OfficialFile(source.filename, source.tgz_md5, (source.url,))]


def _unpacked_files(name: str) -> list[OfficialFile]:
    """List the content of CIFAR's archive: the training files in order, the test file, the names of the classes."""
    from torchvision import datasets

    source: Any = getattr(datasets, name)
    listed = [*source.train_list, *source.test_list, (source.meta["filename"], source.meta["md5"])]
    return [OfficialFile(f"{source.base_folder}/{file}", md5) for file, md5 in listed]


def _is_unpacked(name: str, data_root: Path) -> bool:
    return name != "MNIST" and all(os.path.isfile(data_root / file.path) for file in _unpacked_files(name))


def _verified(file: OfficialFile, data_root: Path) -> bytes:
    """Read a file whose md5 is the published one. Errors: UserError."""
    path = data_root / file.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}. Check its rights, or set data_root.") from error
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != file.md5:
        raise UserError(f"{path} is damaged or not the official file: md5 {found}, expected {file.md5}. Delete it and run again.")
    return content


def _mnist_arrays(contents: dict[str, bytes]) -> dict[str, Array]:
    names = {"train-images": "train_images", "train-labels": "train_labels"}
    names |= {"t10k-images": "test_images", "t10k-labels": "test_labels"}
    return {names[Path(path).name.split("-idx")[0]]: _parse_idx(content) for path, content in contents.items()}


def _parse_idx(compressed: bytes) -> Array:
    """Read an idx file: 2 zero bytes, type (8: uint8), the number of dimensions, each big-endian, the data."""
    content = gzip.decompress(compressed)
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _cifar_contents(name: str, data_root: Path) -> dict[str, bytes]:
    """Read every file of CIFAR's folder, in the order of `_unpacked_files`."""
    files = _unpacked_files(name)
    if _is_unpacked(name, data_root):
        return {file.path: _verified(file, data_root) for file in files}
    (archive,) = _published_files(name)
    with tarfile.open(fileobj=io.BytesIO(_verified(archive, data_root))) as members:
        wanted = {file.path for file in files}
        found = {member.name: members.extractfile(member) for member in members if member.name in wanted}
        contents = {path: handle.read() for path, handle in found.items() if handle is not None}
    return {file.path: contents[file.path] for file in files}


def _cifar_arrays(name: str, contents: dict[str, bytes]) -> dict[str, Array]:
    # The publisher chose pickle. Only bytes whose md5 is the published one get here, so nothing foreign is unpickled.
    *train, test, meta = [pickle.loads(content, encoding="latin1") for content in contents.values()]
    arrays: dict[str, Array] = {}
    for part, batches in (("train", train), ("test", [test])):
        pixels = np.concatenate([batch["data"] for batch in batches])
        arrays[f"{part}_images"] = np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        fine = "labels" if name == "CIFAR10" else "fine_labels"
        arrays[f"{part}_labels"] = np.concatenate([batch[fine] for batch in batches])
        if name == "CIFAR100":
            arrays[f"{part}_coarse_labels"] = np.concatenate([batch["coarse_labels"] for batch in batches])
    if name == "CIFAR100":
        arrays["coarse_names"] = np.array(meta["coarse_label_names"])
    return arrays


def _fetch(name: str, file: OfficialFile, data_root: Path, npz: str | None) -> None:
    """Try every mirror, and after a pause once more.

    pooch downloads into a temporary file and moves it into place only where its md5 matches: no half file is ever seen.
    """
    import pooch  # takes half a second to import, needed only to download

    pooch.get_logger().setLevel("WARNING")
    target = data_root / file.path
    downloader = pooch.HTTPDownloader(timeout=STALLED_AFTER)
    reasons: dict[str, str] = {}
    for position, url in enumerate(file.urls * ATTEMPTS):
        if position and position % len(file.urls) == 0:
            time.sleep(PAUSE)
        try:
            pooch.retrieve(url, f"md5:{file.md5}", target.name, target.parent, downloader=downloader)
            return
        except (OSError, HTTPException, ValueError) as error:  # a wrong md5 is a ValueError; requests' errors are OSErrors
            reasons[url] = str(error) or type(error).__name__
    raise UserError(
        f"{name}: {file.path} is not in data_root ({data_root}) and cannot be downloaded "
        f"({'; '.join(f'{place}: {reason}' for place, reason in reasons.items())}). {_advice(npz)}"
    )


def _advice(npz: str | None) -> str:
    it = f"it (or {npz} in its place)" if npz else "it"
    return f"Set data_root in the configuration to a folder that has {it}, or connect to the network and run again."
