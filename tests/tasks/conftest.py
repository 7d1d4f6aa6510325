"""Small made-up data sets, and official files made up with their md5 sums entered in torchvision's tables."""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from stability_gap.tasks import official_files
from stability_gap.tasks.datasets import Dataset


def make_dataset(classes: int = 4, per_class: int = 6, shape: tuple[int, ...] = (5, 5), **changes: Any) -> Dataset:
    """Every class in turn, random pixels; two thirds of the images train, the rest test."""
    random = np.random.default_rng(0)
    fields: dict[str, Any] = {}
    for part, count in (("train", per_class), ("test", per_class // 2)):
        labels = np.tile(np.arange(classes), count)
        fields[f"{part}_labels"] = labels
        fields[f"{part}_images"] = random.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    fields |= {"mean": np.array([33.0], np.float32), "std": np.array([78.0], np.float32), "classes": classes}
    return Dataset(**(fields | {"official": False, "files": {}} | changes))


def idx(array: np.ndarray) -> bytes:
    """Compressed idx file of a uint8 array."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def made_mnist(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, np.ndarray], dict[str, bytes]]:
    """Arrays and files (by name) of a tiny MNIST that torchvision's tables know."""
    from torchvision import datasets

    dataset = make_dataset(classes=10, shape=(28, 28))
    arrays = {
        "train-images-idx3-ubyte.gz": dataset.train_images,
        "train-labels-idx1-ubyte.gz": dataset.train_labels.astype(np.uint8),
        "t10k-images-idx3-ubyte.gz": dataset.test_images,
        "t10k-labels-idx1-ubyte.gz": dataset.test_labels.astype(np.uint8),
    }
    files = {name: idx(array) for name, array in arrays.items()}
    monkeypatch.setattr(datasets.MNIST, "resources", [(name, md5(content)) for name, content in files.items()])
    return arrays, files


@pytest.fixture
def mnist_root(made_mnist: tuple[dict[str, np.ndarray], dict[str, bytes]], tmp_path: Path) -> Path:
    """A data_root that holds the tiny MNIST."""
    root = tmp_path / "data"
    (root / "MNIST/raw").mkdir(parents=True)
    for name, content in made_mnist[1].items():
        (root / "MNIST/raw" / name).write_bytes(content)
    return root


@pytest.fixture
def made_cifar100(monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, dict[str, bytes], bytes]:
    """A tiny CIFAR-100, its unpacked files (by path) and its archive, known to torchvision's tables."""
    from torchvision import datasets

    dataset = make_dataset(classes=100, per_class=2, shape=(32, 32, 3))
    names = [f"superclass {number}" for number in range(20)]
    contents: dict[str, Any] = {"meta": {"coarse_label_names": names}}
    for part, images, labels in (
        ("train", dataset.train_images, dataset.train_labels),
        ("test", dataset.test_images, dataset.test_labels),
    ):
        contents[part] = {
            "data": images.transpose(0, 3, 1, 2).reshape(len(images), -1),
            "fine_labels": labels.tolist(),
            "coarse_labels": (labels // 5).tolist(),
        }
    files = {f"cifar-100-python/{name}": pickle.dumps(content) for name, content in contents.items()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    for table in ("train", "test"):
        monkeypatch.setattr(datasets.CIFAR100, f"{table}_list", [[table, md5(files[f"cifar-100-python/{table}"])]])
    meta = {"filename": "meta", "key": "fine_label_names", "md5": md5(files["cifar-100-python/meta"])}
    monkeypatch.setattr(datasets.CIFAR100, "meta", meta)
    monkeypatch.setattr(datasets.CIFAR100, "tgz_md5", md5(packed.getvalue()))
    return dataset, files, packed.getvalue()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers where torchvision's tables say that files can be had."""
    from torchvision import datasets

    closed = "http://127.0.0.1:9"  # the discard port: refused at once
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{closed}/first/", f"{closed}/second/"])
    monkeypatch.setattr(datasets.CIFAR100, "url", f"{closed}/cifar-100-python.tar.gz")
    monkeypatch.setattr(official_files, "PAUSE", 0)


@pytest.fixture
def mirrors(
    made_mnist: tuple[dict[str, np.ndarray], dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[list[str], list[Callable[[bytes], bytes | int]]]]:
    """Two mirrors of the tiny MNIST on this machine: what they were asked for, and how they answer, one answer after another.

    An answer makes bytes, or the status of an error, of the file asked for; where none is left, it is the file itself.
    """
    from torchvision import datasets

    asked: list[str] = []
    answers: list[Callable[[bytes], bytes | int]] = []

    class Mirror(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = made_mnist[1][Path(self.path).name]
            answer = answers.pop(0)(content) if answers else content
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(b"" if isinstance(answer, int) else answer)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{address}/first/", f"{address}/second/"])
        yield asked, answers
        server.shutdown()


@pytest.fixture
def dataset_maker() -> Callable[..., Dataset]:
    return make_dataset
