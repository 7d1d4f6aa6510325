"""Images in a folder with CSV files: what is chosen and in which order, and every way in which files can be wrong."""

import hashlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from stability_gap.errors import UserError
from stability_gap.files import digest, read_json
from stability_gap.settings import validate
from stability_gap.tasks import dataset_file
from stability_gap.tasks.datasets import load
from stability_gap.tasks.prepare import prepare_dataset, prepare_stream
from stability_gap.tasks.settings import DatasetSettings, ImageFolderSettings, SplitStream

LABELS = {"own/train.csv": ["owl", "fox"], "own/test.csv": ["elk", "ant"]}
HEIGHT, WIDTH = 4, 6


def folder(**changes):
    fields = {"folder": "own/images", "splits": ["own/train.csv", "own/test.csv"], "size": [HEIGHT, WIDTH]}
    fields |= {"source": "image_folder", "train_per_class": 3, "test_per_class": 2, "mean": [0.5] * 3, "std": [0.25] * 3}
    return ImageFolderSettings(**(fields | changes))


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def pixels(tmp_path):
    """Six random images of each of four classes by file name, written to data_root; the classes take turns in the CSV files."""
    random = np.random.default_rng(0)
    made = {}
    (tmp_path / "own/images").mkdir(parents=True)
    for split, labels in LABELS.items():
        rows = [(f"{label}{number}.png", label) for number in range(6) for label in labels]
        (tmp_path / split).write_text("filename,label\n" + "".join(f"{name},{label}\n" for name, label in rows))
        for name, _ in rows:
            made[name] = random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            (tmp_path / "own/images" / name).write_bytes(png(made[name]))
    return made


def expected(pixels, labels, numbers):
    return np.array([pixels[f"{label}{number}.png"] for label in labels for number in numbers])


def test_the_first_images_train_and_the_next_test(pixels, tmp_path):
    dataset = load(folder(), tmp_path, download=True)
    order = ["owl", "fox", "elk", "ant"]  # of first appearance, not of the alphabet
    assert np.array_equal(dataset.train_images, expected(pixels, order, [0, 1, 2]))
    assert np.array_equal(dataset.test_images, expected(pixels, order, [3, 4]))
    assert dataset.train_labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert dataset.test_labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert dataset.train_labels.dtype == np.int64
    assert dataset.classes == 4
    assert dataset.mean.tolist() == [127.5] * 3
    assert not dataset.official


def test_some_classes_in_an_order_of_ones_own(pixels, tmp_path):
    first = load(folder(classes=2), tmp_path, download=False)
    assert np.array_equal(first.test_images, expected(pixels, ["owl", "fox"], [3, 4]))
    chosen = load(folder(class_order=["ant", "owl", "elk"], classes=2), tmp_path, download=False)
    assert np.array_equal(chosen.train_images, expected(pixels, ["ant", "owl"], [0, 1, 2]))
    assert chosen.classes == 2


def test_files_hold_csv_files_and_one_digest_of_all_images(pixels, tmp_path):
    before = load(folder(), tmp_path, download=False).files
    assert set(before) == {"own/train.csv", "own/test.csv", "own/images"}
    assert before["own/train.csv"] == digest(tmp_path / "own/train.csv")
    names = [
        f"{label}{number}.png" for numbers in ([0, 1, 2], [3, 4]) for label in ("owl", "fox", "elk", "ant") for number in numbers
    ]
    sums = b"".join(hashlib.sha256((tmp_path / "own/images" / name).read_bytes()).digest() for name in names)
    assert before["own/images"] == hashlib.sha256(sums).hexdigest()
    (tmp_path / "own/images/ant4.png").write_bytes(png(pixels["ant5.png"]))
    after = load(folder(), tmp_path, download=False).files
    assert {path for path in before if before[path] != after[path]} == {"own/images"}


def test_grey_images_become_rgb_and_only_chosen_ones_are_read(pixels, tmp_path):
    grey = pixels["owl0.png"][:, :, 0]
    (tmp_path / "own/images/owl0.png").write_bytes(png(grey))
    (tmp_path / "own/images/owl5.png").unlink()  # the sixth image is needed by nobody
    dataset = load(folder(), tmp_path, download=False)
    assert np.array_equal(dataset.train_images[0], np.stack([grey] * 3, axis=-1))


def test_csv_as_spreadsheets_write_it(pixels, tmp_path):
    plain = load(folder(), tmp_path, download=False)
    for split in LABELS:
        rows = (tmp_path / split).read_text().splitlines()
        rows = [f"{number},{row.replace(',', ', ')}" if number else f"no, {row}" for number, row in enumerate(rows)]
        (tmp_path / split).write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*rows, "", ""]).encode())
    again = load(folder(), tmp_path, download=False)
    assert np.array_equal(again.train_images, plain.train_images)
    assert np.array_equal(again.test_labels, plain.test_labels)


def test_from_the_folder_to_a_stream(pixels, tmp_path):
    prepare_dataset("own", folder(), tmp_path, tmp_path / "data")
    prepare_stream("split_own", SplitStream(kind="split", classes_per_task=2), tmp_path / "data", tmp_path / "stream")
    about = read_json(tmp_path / "data/data.json")
    assert about["official"] is False
    assert about["train_counts"] == [3] * 4
    assert about["settings"]["class_order"] is None
    assert dataset_file.read(tmp_path / "data")[0].files == about["files"]
    assert read_json(tmp_path / "stream/stream.json")["tasks"] == 2


@pytest.mark.parametrize("lost", ["own/test.csv", "own/images/elk1.png"])
def test_missing_files_are_named_with_the_way_to_get_them(pixels, lost, tmp_path):
    (tmp_path / lost).unlink()
    with pytest.raises(UserError) as caught:
        load(folder(), tmp_path, download=True)
    message = str(caught.value)
    assert Path(lost).name in message
    assert str(tmp_path) in message
    assert "set data_root" in message
    assert "licence" in message
    assert "Ravi and Larochelle" in message
    assert "http" not in message


def test_a_missing_folder_is_told_once_not_for_every_image(pixels, tmp_path):
    (tmp_path / "own/images").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=rf"owl0.png and 19 more listed images are not in {tmp_path}/own/images"):
        load(folder(), tmp_path, download=False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"train.csv lacks the column\(s\) filename, label; it is empty"),
        (b"filename,label\n", "train.csv lists no images"),
        (b"file,label\na.png,owl\n", r"train.csv lacks the column\(s\) filename; it has file, label"),
        (b"filename,label\na.png,owl\nb.png\n", "train.csv: line 3 lacks a filename or a label"),
        (b"filename,label\n,owl\n", "train.csv: line 2 lacks a filename or a label"),
        (b"filename,label\n\xff.png,owl\n", "train.csv cannot be read as CSV .*UTF-8"),
        (b"filename,label\n../../secret.png,owl\n", "train.csv: line 2 names ../../secret.png, outside the folder"),
        (b"filename,label\n/etc/secret.png,owl\n", "train.csv: line 2 names /etc/secret.png, outside the folder"),
        (b"filename,label\nelk0.png,elk\n", "elk0.png is listed twice .*test.csv"),
    ],
)
def test_bad_csv_files(pixels, content, words, tmp_path):
    (tmp_path / "own/train.csv").write_bytes(content)
    with pytest.raises(UserError, match=words):
        load(folder(), tmp_path, download=False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not an image", "fox4.png cannot be read as an image .*Replace the file"),
        (b"", "fox4.png cannot be read as an image"),
        (png(np.zeros((HEIGHT, WIDTH, 3), np.uint8))[:-30], "fox4.png cannot be read as an image"),
        (png(np.zeros((WIDTH, HEIGHT, 3), np.uint8)), r"fox4.png is 6×4 pixels \(height × width\), but size says 4×6"),
    ],
)
def test_bad_images(pixels, content, words, tmp_path):
    (tmp_path / "own/images/fox4.png").write_bytes(content)
    with pytest.raises(UserError, match=words):
        load(folder(), tmp_path, download=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"train_per_class": 5},
            r"class owl has 6 images in own/train.csv, own/test.csv, but 7 are needed; lower train_per_class",
        ),
        ({"classes": 5}, "classes: 5 asked for, but own/train.csv, own/test.csv lists 4"),
        ({"splits": ["own/test.csv"], "classes": 3}, "classes: 3 asked for, but own/test.csv lists 2"),
        (
            {"class_order": ["owl", "yak"]},
            "class_order: own/train.csv, own/test.csv lists no yak; it lists 4 labels, such as owl",
        ),
        ({"size": [84, 84]}, "but size says 84×84"),
    ],
)
def test_settings_that_the_files_do_not_meet(pixels, changes, words, tmp_path):
    with pytest.raises(UserError, match=words):
        load(folder(**changes), tmp_path, download=False)


def test_a_short_class_matters_only_where_it_is_chosen(pixels, tmp_path):
    csv = tmp_path / "own/test.csv"
    csv.write_text("".join(line for line in csv.read_text().splitlines(keepends=True) if line[:4] not in ("ant2", "ant3")))
    assert load(folder(classes=3), tmp_path, download=False).classes == 3
    with pytest.raises(UserError, match=r"class ant has 4 images .* but 5 are needed"):
        load(folder(), tmp_path, download=False)


def test_the_example_in_the_docs(tmp_path):
    page = (Path(__file__).parents[2] / "docs/adding.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n# docs/adding.md: photos.yaml\n(.*?)```", page, flags=re.DOTALL)
    settings = validate(DatasetSettings, yaml.safe_load(block)["datasets"]["photos"], "photos.yaml")
    images = tmp_path / settings.folder
    images.mkdir(parents=True)
    rows = [(f"{label}{number}.png", label) for label in ("cat", "dog") for number in range(50)]
    for name, _ in rows:
        (images / name).write_bytes(png(np.zeros((*settings.size, 3), np.uint8)))
    for split, part in zip(settings.splits, (rows[:60], rows[60:]), strict=True):
        (tmp_path / split).write_text("\n".join(["filename,label", *(",".join(row) for row in part)]))
    dataset = load(settings, tmp_path, download=True)
    assert np.bincount(dataset.train_labels).tolist() == [40, 40]
    assert np.bincount(dataset.test_labels).tolist() == [10, 10]


def test_real_images(shared_data):
    """Each array is what Pillow reads from the files that the CSV names."""
    root = shared_data("mini-imagenet-sample")
    settings = folder(folder="images", splits=["train.csv"], size=[84, 84], train_per_class=4, test_per_class=2)
    dataset = load(settings, root, download=True)
    assert dataset.train_images.shape == (200, 84, 84, 3)
    assert dataset.test_images.shape == (100, 84, 84, 3)
    rows = [line.split(",") for line in (root / "train.csv").read_text().splitlines()[1:]]
    last = [name for name, label in rows if label == rows[-1][1]]
    for images, position, name in ((dataset.train_images, 0, rows[0][0]), (dataset.test_images, -1, last[5])):
        with Image.open(root / "images" / name) as image:
            assert np.array_equal(images[position], np.asarray(image.convert("RGB")))


def test_a_filename_longer_than_any_file_system_has_is_missing(pixels, tmp_path):
    with (tmp_path / "own/train.csv").open("a") as rows:
        rows.write(f"{'x' * 300}.png,fig\nshort.png,fig\n")
    with pytest.raises(UserError, match=r"folder: x{300}\.png and 1 more listed images are not in .*own/images"):
        load(folder(classes=3, class_order=["owl", "fox", "fig"], train_per_class=1, test_per_class=1), tmp_path, download=True)


@pytest.mark.parametrize("key", ["folder", "splits"])
def test_a_path_longer_than_any_file_system_has_is_missing(pixels, tmp_path, key):
    path = "x" * 300
    with pytest.raises(UserError, match=rf"{key}: .*is not in|{key}: .*are not in"):
        load(folder(**{key: [path] if key == "splits" else path}), tmp_path, download=True)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(20), b"BM" + bytes(60), b"II*\0" + bytes(40)])
def test_an_image_that_cannot_be_read_is_named(pixels, tmp_path, content):
    (tmp_path / "own/images/owl0.png").write_bytes(content)
    with pytest.raises(UserError, match=r"owl0\.png (cannot be read as an image|is \d+×\d+ pixels)"):
        load(folder(), tmp_path, download=True)


def test_an_image_of_any_flipped_bit_is_read_or_named(pixels, tmp_path):
    path = tmp_path / "own/images/owl0.png"
    content, told = path.read_bytes(), []
    for bit in range(0, 8 * len(content), 11):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            load(folder(), tmp_path, download=True)
        except UserError as error:
            told.append(str(error))
    assert len(told) > 10
    assert all("owl0.png" in message for message in told)


def test_a_single_label_is_refused(pixels, tmp_path):
    for split in LABELS:
        text = (tmp_path / split).read_text()
        (tmp_path / split).write_text(re.sub(r",(owl|fox|elk|ant)\n", ",thing\n", text))
    with pytest.raises(UserError, match="lists one label, thing, only; at least two classes are needed"):
        load(folder(), tmp_path, download=True)
