"""Loading: digits and npz files of one's own."""

import numpy as np
import pytest

from stability_gap.errors import UserError
from stability_gap.files import digest
from stability_gap.tasks.datasets import load
from stability_gap.tasks.settings import DigitsSettings, Holdout, NpzSettings

DIGITS = DigitsSettings(source="sklearn_digits")


def own(**changes):
    return NpzSettings(**({"source": "npz", "file": "own.npz", "classes": 4, "mean": [0.5], "std": [0.25]} | changes))


@pytest.fixture
def arrays(dataset_maker):
    dataset = dataset_maker()
    return {name: getattr(dataset, name) for name in ("train_images", "train_labels", "test_images", "test_labels")}


def test_digits_are_split_by_class(tmp_path):
    from sklearn.datasets import load_digits

    digits = load(DIGITS, tmp_path, download=False)
    assert digits.train_images.shape == (1347, 8, 8)
    assert digits.test_images.shape == (450, 8, 8)
    assert digits.train_images.dtype == np.uint8
    assert digits.train_images.max() == 16
    assert digits.classes == 10
    assert digits.official
    shares = np.bincount(digits.test_labels) / np.bincount(load_digits().target)
    assert np.abs(shares - 0.25).max() < 0.005
    together = np.concatenate([digits.train_images, digits.test_images]).reshape(-1, 64)
    assert np.array_equal(np.unique(together, axis=0), np.unique(load_digits().data.astype(np.uint8), axis=0))


def test_digits_are_normalised_by_their_own_training_pixels(tmp_path):
    digits = load(DIGITS, tmp_path, download=False)
    normalised = (digits.train_images - digits.mean) / digits.std
    assert digits.mean.shape == digits.std.shape == (1,)
    assert digits.mean.dtype == digits.std.dtype == np.float32
    assert normalised.mean() == pytest.approx(0, abs=1e-5)
    assert normalised.std() == pytest.approx(1, abs=1e-5)


def test_split_seed_and_fraction_count(tmp_path):
    first = load(DIGITS, tmp_path, download=False)
    other = load(DIGITS.model_copy(update={"split_seed": 1}), tmp_path, download=False)
    half = load(DIGITS.model_copy(update={"test_fraction": 0.5}), tmp_path, download=False)
    assert not np.array_equal(first.test_images, other.test_images)
    assert len(half.test_images) == 899
    with pytest.raises(UserError, match=r"test_fraction: 0.001 leaves a part too small"):
        load(DIGITS.model_copy(update={"test_fraction": 0.001}), tmp_path, download=False)


def test_own_file_under_other_names(arrays, tmp_path):
    np.savez(tmp_path / "own.npz", x=arrays["train_images"], y=arrays["train_labels"].astype(np.uint8),
             x_test=arrays["test_images"], y_test=arrays["test_labels"], unused=np.array([{}]))  # fmt: skip
    settings = own(train_images="x", train_labels="y", test_images="x_test", test_labels="y_test")
    dataset = load(settings, tmp_path, download=True)
    assert np.array_equal(dataset.train_images, arrays["train_images"])
    assert dataset.train_labels.dtype == np.int64
    assert dataset.mean.tolist() == [127.5]
    assert dataset.std.tolist() == [63.75]
    assert not dataset.official
    assert dataset.files == {"own.npz": digest(tmp_path / "own.npz")}
    assert dataset.train_coarse_labels is None


def test_own_file_with_superclasses(arrays, tmp_path):
    coarse = {f"{part}_coarse": arrays[f"{part}_labels"] // 2 for part in ("train", "test")}
    np.savez(tmp_path / "own.npz", **arrays, **coarse, names=np.array(["fish", "trees"]))
    names = {"train_coarse_labels": "train_coarse", "test_coarse_labels": "test_coarse", "coarse_names": "names"}
    dataset = load(own(**names), tmp_path, download=False)
    assert dataset.coarse_names == ("fish", "trees")
    assert np.array_equal(dataset.test_coarse_labels, arrays["test_labels"] // 2)
    np.savez(tmp_path / "own.npz", **arrays, **coarse, names=np.array(["fish"]))
    with pytest.raises(UserError, match="array 'train_coarse' holds labels from 0 to 1; 1 classes"):
        load(own(**names), tmp_path, download=False)
    np.savez(tmp_path / "own.npz", **arrays, **coarse, names=np.array([1, 2]))
    with pytest.raises(UserError, match="array 'names' is int64"):
        load(own(**names), tmp_path, download=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_images": np.zeros((24, 5, 5))}, "'train_images' is float64 .* uint8"),
        ({"train_images": np.zeros((24, 25), np.uint8)}, r"'train_images' is uint8 \(24, 25\)"),
        ({"train_images": np.zeros((24, 5, 5, 2), np.uint8)}, "'train_images' is uint8"),
        ({"train_images": np.zeros((0, 5, 5), np.uint8)}, "'train_images' holds no pixels"),
        (
            {"test_images": np.zeros((12, 5, 6), np.uint8)},
            r"'train_images' are \(5, 5\), those of 'test_images' \(5, 6\)",
        ),
        ({"test_labels": np.zeros(11, np.int64)}, "'test_labels' is int64 .* 12 images need 12 integers"),
        ({"test_labels": np.zeros(12)}, "'test_labels' is float64"),
        ({"train_labels": np.full(24, 4)}, "'train_labels' holds labels from 4 to 4; 4 classes are numbered 0 to 3"),
        ({"train_labels": np.full(24, -1)}, "'train_labels' holds labels from -1"),
        ({"train_labels": np.array([{}] * 24)}, "'train_labels' cannot be read .*Python objects are refused"),
    ],
)
def test_own_file_with_a_bad_array(arrays, changes, words, tmp_path):
    np.savez(tmp_path / "own.npz", **(arrays | changes))
    with pytest.raises(UserError, match=rf"own\.npz.*{words}"):
        load(own(), tmp_path, download=False)


def test_own_file_that_lacks_an_array_or_channels(arrays, tmp_path):
    np.savez(tmp_path / "own.npz", **{name: array for name, array in arrays.items() if name != "test_labels"})
    with pytest.raises(UserError, match=r"own.npz lacks the array 'test_labels'; it has train_images"):
        load(own(), tmp_path, download=False)
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(UserError, match=r"mean is float32 \(3,\), but the images need float32 \(1,\)"):
        load(own(mean=[0.5] * 3, std=[0.5] * 3), tmp_path, download=False)


def test_own_file_that_is_missing_or_no_npz(tmp_path):
    with pytest.raises(UserError, match=rf"file: own.npz is not in data_root \({tmp_path}\).*set data_root"):
        load(own(), tmp_path, download=True)
    (tmp_path / "own.npz").write_text("not a zip")
    with pytest.raises(UserError, match=r"own.npz is damaged"):
        load(own(), tmp_path, download=True)
    with (tmp_path / "own.npz").open("wb") as handle:
        np.save(handle, np.zeros(3))
    with pytest.raises(UserError, match=r"own.npz is damaged"):
        load(own(), tmp_path, download=True)


# --- holdout ----------------------------------------------------------------------------------------------------------

TENTH = Holdout(fraction=0.1, seed=0)


def numbered(classes: int, per_class: int) -> dict[str, np.ndarray]:
    """An npz data set in which the pixels of every image are its number: training images from 0, test images behind them."""
    numbers = np.arange(2 * classes * per_class)
    images = np.stack([numbers // 256, numbers % 256], axis=1).astype(np.uint8).reshape(-1, 1, 2)
    labels, half = numbers % classes, classes * per_class
    arrays = {
        "train_images": images[:half],
        "test_images": images[half:],
        "train_labels": labels[:half],
        "test_labels": labels[half:],
    }
    return arrays | {f"{part}_coarse": arrays[f"{part}_labels"] // 2 for part in ("train", "test")}


def numbers_of(images: np.ndarray) -> list[int]:
    return (images[:, 0].astype(np.int64) @ [256, 1]).tolist()


def test_a_holdout_splits_the_training_images_by_class_and_drops_the_test_images(tmp_path):
    np.savez(tmp_path / "own.npz", **numbered(classes=4, per_class=40))
    coarse = {"train_coarse_labels": "train_coarse", "test_coarse_labels": "test_coarse"}
    held = load(own(holdout=Holdout(fraction=0.25), **coarse), tmp_path, download=False)
    train, test = numbers_of(held.train_images), numbers_of(held.test_images)
    assert sorted(train + test) == list(range(160))  # each training image once, no test image
    assert train == sorted(train)
    assert test == sorted(test)
    assert np.bincount(held.test_labels).tolist() == [10] * 4
    for part, numbers in (("train", train), ("test", test)):
        assert getattr(held, f"{part}_labels").tolist() == [number % 4 for number in numbers]
        assert getattr(held, f"{part}_coarse_labels").tolist() == [number % 4 // 2 for number in numbers]


def test_a_holdout_of_digits_has_no_test_image(tmp_path):
    digits, held = (load(DIGITS.model_copy(update={"holdout": each}), tmp_path, download=False) for each in (None, TENTH))
    together = np.concatenate([held.train_images, held.test_images])
    assert sorted(image.tobytes() for image in together) == sorted(image.tobytes() for image in digits.train_images)
    assert not {image.tobytes() for image in together} & {image.tobytes() for image in digits.test_images}
    assert (len(held.train_images), len(held.test_images)) == (1212, 135)
    shares = np.bincount(held.test_labels) / np.bincount(digits.train_labels)
    assert np.abs(shares - 0.1).max() < 0.01
    assert (held.mean.tolist(), held.official) == (digits.mean.tolist(), digits.official)


def test_the_seed_of_a_holdout_counts(tmp_path):
    first, again, other = (
        load(DIGITS.model_copy(update={"holdout": Holdout(seed=seed)}), tmp_path, download=False) for seed in (0, 0, 1)
    )
    assert first.test_images.tobytes() == again.test_images.tobytes()
    assert first.test_images.tobytes() != other.test_images.tobytes()


@pytest.mark.parametrize(
    ("fraction", "words"),
    [(0.001, "leaves a part too small.*Try 0.1"), (0.999, "leaves a part too small.*Try 0.1")],
)
def test_a_holdout_that_leaves_a_part_too_small_is_refused(tmp_path, fraction, words):
    with pytest.raises(UserError, match=f"^holdout.fraction: {fraction} {words}"):
        load(DIGITS.model_copy(update={"holdout": Holdout(fraction=fraction)}), tmp_path, download=False)


def test_a_holdout_of_a_class_with_few_images_is_refused(tmp_path):
    arrays = numbered(classes=4, per_class=40)
    few = np.flatnonzero(arrays["train_labels"] != 2)
    few = np.sort(np.append(few, [2, 6]))
    np.savez(tmp_path / "own.npz", **arrays | {name: arrays[name][few] for name in ("train_images", "train_labels")})
    with pytest.raises(
        UserError, match=r"^holdout\.fraction: 0\.1 leaves a part without class 2, which has 2 images; try another"
    ):
        load(own(holdout=TENTH), tmp_path, download=False)
