"""Run the two steps of the pipeline that make task data: files of a data set, then the stream of a benchmark."""

from pathlib import Path

from stability_gap.errors import UserError
from stability_gap.tasks import dataset_file, stream_file
from stability_gap.tasks.datasets import load
from stability_gap.tasks.settings import DatasetSettings, StreamSettings
from stability_gap.tasks.streams import build


def prepare_dataset(name: str, settings: DatasetSettings, data_root: Path, output: Path, download: bool = True) -> None:
    """Write data.npz and data.json of the data set `name` into the folder `output`.

    `data_root` is where its files lie; it is written to only when official files are missing and `download` is true.
    Errors: UserError, naming the data set and what is wrong with it.
    """
    try:
        dataset_file.write(load(settings, data_root, download), name, settings, output)
    except UserError as error:
        raise UserError(f"dataset {name}: {error}") from error
    except MemoryError as error:
        raise UserError(f"dataset {name}: it does not fit into memory; take fewer or smaller images.") from error


def prepare_stream(benchmark: str, settings: StreamSettings, dataset_folder: Path, output: Path) -> None:
    """Write stream.npz and stream.json of `benchmark` into the folder `output`, from what `prepare_dataset` wrote.

    Errors: UserError, naming the benchmark and what is wrong with its stream.
    """
    try:
        dataset, facts = dataset_file.read(dataset_folder)
        stream = build(dataset, settings)
        stream_file.write(
            stream,
            settings,
            output,
            benchmark=benchmark,
            dataset=facts.dataset,
            official=facts.official,
            source_digest=facts.digest,
        )
    except UserError as error:
        raise UserError(f"benchmark {benchmark}: {error}") from error
    except MemoryError as error:
        raise UserError(f"benchmark {benchmark}: its stream does not fit into memory; take fewer tasks or images.") from error
