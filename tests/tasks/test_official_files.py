"""Official files: md5 before reading, missing and damaged files, downloads."""

import shutil

import numpy as np
import pytest

from stability_gap.errors import UserError
from stability_gap.files import digest
from stability_gap.tasks import official_files
from stability_gap.tasks.datasets import load
from stability_gap.tasks.settings import TorchvisionSettings

MNIST = TorchvisionSettings(source="torchvision", name="MNIST", mean=[0.1307], std=[0.3081])
CIFAR100 = TorchvisionSettings(source="torchvision", name="CIFAR100", mean=[0.5] * 3, std=[0.25] * 3)


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def test_made_mnist_is_read_and_nothing_is_written(made_mnist, mnist_root):
    before = snapshot(mnist_root)
    dataset = load(MNIST, mnist_root, download=True)
    assert snapshot(mnist_root) == before
    assert np.array_equal(dataset.train_images, made_mnist[0]["train-images-idx3-ubyte.gz"])
    assert np.array_equal(dataset.test_images, made_mnist[0]["t10k-images-idx3-ubyte.gz"])
    assert np.array_equal(dataset.train_labels, made_mnist[0]["train-labels-idx1-ubyte.gz"])
    assert np.array_equal(dataset.test_labels, made_mnist[0]["t10k-labels-idx1-ubyte.gz"])
    assert dataset.train_labels.dtype == np.int64
    assert dataset.official
    assert dataset.mean == np.float32(0.1307 * 255)
    assert sorted(dataset.files) == sorted(f"MNIST/raw/{name}" for name in made_mnist[1])


def test_real_mnist_as_torchvision_reads_it(shared_data, tmp_path):
    from torchvision import datasets

    root = shared_data("MNIST/raw").parents[1]
    before = snapshot(root)
    dataset = load(MNIST, root, download=True)
    assert snapshot(root) == before
    shutil.copytree(root / "MNIST", tmp_path / "MNIST", copy_function=shutil.copyfile)
    for folder in (tmp_path / "MNIST", tmp_path / "MNIST/raw"):
        folder.chmod(0o755)
    for train, images, labels in (
        (True, dataset.train_images, dataset.train_labels),
        (False, dataset.test_images, dataset.test_labels),
    ):
        expected = datasets.MNIST(tmp_path, train=train, download=True)
        assert np.array_equal(images, expected.data.numpy())
        assert np.array_equal(labels, expected.targets.numpy())


def test_damaged_file_is_refused_with_both_sums(mnist_root):
    path = mnist_root / "MNIST/raw/train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match=rf"{path} is damaged.*md5 [0-9a-f]{{32}}, expected [0-9a-f]{{32}}. Delete it"):
        load(MNIST, mnist_root, download=True)


def test_missing_files_are_named(mnist_root):
    (mnist_root / "MNIST/raw/t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(UserError) as caught:
        load(MNIST, mnist_root, download=False)
    message = str(caught.value)
    assert "MNIST/raw/t10k-images-idx3-ubyte.gz missing" in message
    assert "train-images" not in message
    assert f"data_root ({mnist_root})" in message
    assert "Set data_root" in message


@pytest.mark.usefixtures("made_mnist", "no_network")
def test_neither_files_nor_network(tmp_path):
    with pytest.raises(UserError) as caught:
        load(MNIST, tmp_path / "data", download=True)
    told = str(caught.value)
    assert told.startswith(f"MNIST: MNIST/raw/train-images-idx3-ubyte.gz is not in data_root ({tmp_path / 'data'}) and cannot be")
    assert told.count("http://127.0.0.1:9/") == 2  # every mirror once, though each was tried twice
    assert "refused" in told
    assert told.endswith("Set data_root in the configuration to a folder that has it, or connect to the network and run again.")
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_data_root_that_cannot_be_made(made_mnist, mirrors, tmp_path, monkeypatch):
    monkeypatch.setattr(official_files, "PAUSE", 0)
    (tmp_path / "data").write_text("a file in the way")
    with pytest.raises(UserError, match=r"MNIST/raw/train-images-idx3-ubyte.gz is not in data_root"):
        load(MNIST, tmp_path / "data", download=True)


@pytest.fixture
def lacking(mnist_root):
    """A file that data_root lacks."""
    (path,) = (mnist_root / "MNIST/raw").glob("t10k-labels*")
    path.unlink()
    return path


def test_only_missing_files_are_downloaded(made_mnist, mnist_root, lacking, mirrors):
    asked, answers = mirrors
    before = snapshot(mnist_root)
    answers.append(lambda content: 404)  # the first mirror fails
    assert load(MNIST, mnist_root, download=True).official
    assert asked == [f"/first/{lacking.name}", f"/second/{lacking.name}"]
    assert lacking.read_bytes() == made_mnist[1][lacking.name]
    after = snapshot(mnist_root)
    assert set(after) == set(before) | {lacking}
    assert [path for path in before if after[path] != before[path] and path.is_file()] == []


def test_a_file_of_the_wrong_md5_is_not_kept_and_the_next_mirror_is_tried(made_mnist, mnist_root, lacking, mirrors):
    asked, answers = mirrors
    answers.append(lambda content: bytes([content[0] ^ 1]) + content[1:])
    load(MNIST, mnist_root, download=True)
    assert len(asked) == 2
    assert lacking.read_bytes() == made_mnist[1][lacking.name]


def test_a_failure_that_passes_is_tried_again_after_a_pause(made_mnist, mnist_root, lacking, mirrors, monkeypatch):
    asked, answers = mirrors
    answers += [lambda content: 503, lambda content: content[:10]]  # the second breaks off
    monkeypatch.setattr(official_files.time, "sleep", asked.append)
    load(MNIST, mnist_root, download=True)
    assert asked == [f"/first/{lacking.name}", f"/second/{lacking.name}", official_files.PAUSE, f"/first/{lacking.name}"]
    assert lacking.read_bytes() == made_mnist[1][lacking.name]


def test_two_downloads_at_once_leave_one_whole_file(made_mnist, mnist_root, lacking, mirrors):
    asked, answers = mirrors
    before = set(mnist_root.rglob("*"))

    def another_from_start_to_end(content: bytes) -> bytes:
        load(MNIST, mnist_root, download=True)
        assert lacking.read_bytes() == content
        return content

    answers.append(another_from_start_to_end)
    load(MNIST, mnist_root, download=True)
    assert len(asked) == 2
    assert lacking.read_bytes() == made_mnist[1][lacking.name]
    assert set(mnist_root.rglob("*")) == before | {lacking}


@pytest.mark.parametrize("layout", ["unpacked", "archive", "archive beside an incomplete folder"])
def test_made_cifar100(made_cifar100, layout, tmp_path):
    expected, files, archive = made_cifar100
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        if layout == "unpacked" or (layout.endswith("folder") and path.endswith("meta")):
            (tmp_path / path).write_bytes(content)
    if layout.startswith("archive"):
        (tmp_path / "cifar-100-python.tar.gz").write_bytes(archive)
    before = snapshot(tmp_path)
    dataset = load(CIFAR100, tmp_path, download=True)
    assert snapshot(tmp_path) == before
    assert np.array_equal(dataset.train_images, expected.train_images)
    assert np.array_equal(dataset.test_labels, expected.test_labels)
    assert np.array_equal(dataset.train_coarse_labels, expected.train_labels // 5)
    assert dataset.coarse_names[19] == "superclass 19"
    assert dataset.classes == 100
    assert dataset.mean.tolist() == [127.5] * 3
    assert set(dataset.files) == set(files)


@pytest.mark.parametrize("damaged", ["cifar-100-python/meta", "cifar-100-python.tar.gz"])
def test_no_pickle_is_read_before_its_md5_matched(made_cifar100, damaged, monkeypatch, tmp_path):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("unpickled an unverified file")

    _, files, archive = made_cifar100
    (tmp_path / "cifar-100-python").mkdir()
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(archive)
    if damaged.endswith("meta"):
        for path, content in files.items():
            (tmp_path / path).write_bytes(content)
    (tmp_path / damaged).write_bytes(b"damaged")
    monkeypatch.setattr(official_files.pickle, "loads", never)
    with pytest.raises(UserError, match=f"{damaged} is damaged"):
        load(CIFAR100, tmp_path, download=True)


def test_cifar_without_files_names_the_archive(made_cifar100, tmp_path):
    with pytest.raises(UserError, match=r"cifar-100-python.tar.gz missing"):
        load(CIFAR100, tmp_path, download=False)


# --- an npz file in their place --------------------------------------------------------------------------------------

NPZ = {"file": "own.npz", "train_images": "x", "train_labels": "y", "test_images": "x_test", "test_labels": "y_test"}
COARSE = {"train_coarse_labels": "coarse", "test_coarse_labels": "coarse_test"}
EITHER = TorchvisionSettings(source="torchvision", name="CIFAR100", mean=[0.5] * 3, std=[0.25] * 3, npz=NPZ | COARSE)


@pytest.fixture
def save_npz(dataset_maker, tmp_path):
    """Write own.npz of 100 classes, with changes, into data_root; the data set it holds."""

    def save(**changes):
        made = dataset_maker(classes=100, per_class=2, shape=(32, 32, 3))
        arrays = {"x": made.train_images, "y": made.train_labels, "x_test": made.test_images, "y_test": made.test_labels}
        arrays |= {"coarse": made.train_labels // 5, "coarse_test": made.test_labels // 5}
        np.savez(tmp_path / "own.npz", **(arrays | changes))
        return made

    return save


@pytest.mark.usefixtures("made_cifar100", "no_network")
def test_npz_serves_without_a_download_and_is_not_official(save_npz, tmp_path):
    made = save_npz()
    before = snapshot(tmp_path)
    dataset = load(EITHER, tmp_path, download=True)
    assert snapshot(tmp_path) == before
    assert np.array_equal(dataset.train_images, made.train_images)
    assert np.array_equal(dataset.test_labels, made.test_labels)
    assert np.array_equal(dataset.train_coarse_labels, made.train_labels // 5)
    assert dataset.classes == 100
    assert dataset.mean.tolist() == [127.5] * 3
    assert not dataset.official
    assert dataset.files == {"own.npz": digest(tmp_path / "own.npz")}


@pytest.mark.usefixtures("no_network")
def test_official_files_win_over_npz(made_cifar100, tmp_path):
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(made_cifar100[2])
    (tmp_path / "own.npz").write_text("not even looked at")
    dataset = load(EITHER, tmp_path, download=True)
    assert dataset.official
    assert set(dataset.files) == set(made_cifar100[1])


def test_damaged_official_file_is_not_passed_over_for_npz(made_cifar100, save_npz, tmp_path):
    save_npz()
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"cifar-100-python.tar.gz is damaged or not the official file"):
        load(EITHER, tmp_path, download=True)


@pytest.mark.usefixtures("made_cifar100", "no_network")
@pytest.mark.parametrize("may_download", [True, False])
def test_neither_official_files_nor_npz(may_download, tmp_path):
    with pytest.raises(UserError, match=r"cifar-100-python.tar.gz .*a folder that has it \(or own.npz in its place\)"):
        load(EITHER, tmp_path, download=may_download)


@pytest.mark.usefixtures("made_cifar100")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y": np.full(200, 100)}, "array 'y' holds labels from 100 to 100; 100 classes are numbered 0 to 99"),
        ({"coarse_test": np.full(100, -1)}, "array 'coarse_test' holds labels from -1"),
        ({"y": np.array([{}] * 200)}, "array 'y' cannot be read .*Python objects are refused"),
        ({"x": np.zeros((200, 32, 32), np.uint8)}, r"'x' are \(32, 32\), those of 'x_test' \(32, 32, 3\)"),
    ],
)
def test_npz_in_their_place_is_checked_like_any_other(save_npz, changes, words, tmp_path):
    save_npz(**changes)
    with pytest.raises(UserError, match=rf"own\.npz.*{words}"):
        load(EITHER, tmp_path, download=True)
