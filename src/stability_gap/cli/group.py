"""Define the command group and the kinds of arguments that its commands share."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import click

from stability_gap.errors import UserError, why_not_written

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
ANYTHING = click.Path(path_type=Path)


class _Json(click.ParamType[Any]):
    """Read a JSON object, or the file of that name."""

    name = "json or file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from stability_gap import files

        if not isinstance(value, str) or not value.lstrip().startswith("{"):
            return files.read_json(Path(value))
        try:
            return files.parse_json(value)
        except ValueError as error:
            self.fail(f"not valid JSON: {error}", param, ctx)


class _Seeds(click.ParamType[list[int]]):
    """Read seeds as folders are named by them."""

    name = "seeds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        from stability_gap.config.seeds import parse_seeds

        return parse_seeds(str(value))


class _StandIn(click.ParamType[tuple[str, str]]):
    """BENCHMARK=BENCHMARK."""

    name = "benchmark=benchmark"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        benchmark, _, original = str(value).partition("=")
        if not benchmark or not original:
            self.fail(f"{value!r} is not of the form split_cifar10_cpu=split_cifar10", param, ctx)
        return benchmark, original


class _Incremental(click.ParamType[tuple[str, str]]):
    """BENCHMARK=class or BENCHMARK=domain."""

    name = "benchmark=class|domain"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        benchmark, _, kind = str(value).partition("=")
        if not benchmark or kind not in ("class", "domain"):
            self.fail(f"{value!r} is not of the form split_digits=class or rotated_digits=domain", param, ctx)
        return benchmark, kind


JSON = _Json()
INCREMENTAL = _Incremental()
SEEDS = click.option("--seeds", type=_Seeds(), help="Those to keep, such as 42-51 or 42_45_47; left out: all.")
STAND_INS = click.option(
    "--stands-for",
    "stand_ins",
    multiple=True,
    type=_StandIn(),
    help="A benchmark, and the published one that it is compared with.",
)
EXTENSIONS = click.option("--extension", "extensions", multiple=True, help="A module of your own: of metrics, or a figure.")
LOOKS = click.option("--looks", "looks", type=JSON, default="{}", help="Labels, order, colours and markers, JSON or a file.")
REFERENCE = click.option("--reference", help="The optimizer that the others are compared with.")
TERMS = click.option(
    "--terms", "values", type=JSON, default="{}", help="The `analysis` block of the configuration, JSON or a file."
)


class _Log(logging.FileHandler):
    """Write messages to a file; errors that it has no room for, as on a full disk, go to the terminal."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Take a record that could not be written."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
        elif record.levelno > logging.WARNING:
            print(record.getMessage(), file=sys.stderr)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--log", type=FILE, help="Also write messages to this file.")
@click.option("--quiet", is_flag=True, help="Messages go to the log alone, but for warnings; errors too, where there is a log.")
@click.version_option(package_name="stability-gap")
def commands(log: Path | None, quiet: bool) -> None:
    """Measure the stability gap: data, training, metrics, statistics, tables, figures."""
    terminal = logging.StreamHandler()
    if quiet:
        terminal.addFilter(lambda record: record.levelno == logging.WARNING or (log is None and record.levelno > logging.WARNING))
    handlers: list[logging.Handler] = [terminal]
    if log is not None:
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(_Log(log, mode="w", encoding="utf-8"))
        except OSError as error:
            raise UserError(f"cannot write the log {log}: {why_not_written(error)}") from error
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=handlers, force=True)
    logging.getLogger("stability_gap").setLevel(logging.INFO)
