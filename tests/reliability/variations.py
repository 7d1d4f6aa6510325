"""Ways in which machines, users and shells differ: reprotest's as far as they apply, and what a user may have lying about."""

import functools
import operator
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from real_workflow import Workflow

ODD_PATH = "Größe mit Leerzeichen, ノート"
MODULES = ("random.py", "torch.py", "numpy.py", "json.py", "click.py", "snakemake.py")  # names of modules that are imported early
MATPLOTLIBRC = """\
axes.grid: True
axes.facecolor: yellow
savefig.bbox: tight
savefig.facecolor: pink
path.simplify: False
xtick.top: True
legend.framealpha: 0.1
lines.dash_capstyle: round
backend: TkAgg
"""
PLAIN_USER = ("unshare", "--user", "--map-user=1234", "--map-group=1234")  # no rights but its own, in no list of users


@dataclass(frozen=True)
class Variation:
    """How a call is varied: what stands before it, options of snakemake, the environment (None: not set), and the folder."""

    before: tuple[str, ...] = ()
    cores: str = "2"
    environment: Mapping[str, str | None] = field(default_factory=dict)
    folder: str = "workflow"
    prepare: Callable[[Path], None] = lambda folder: None
    mounted: bool = False  # seen through a file system that lists folders backwards

    def __or__(self, other: "Variation") -> "Variation":
        """Both at once."""

        def both(folder: Path) -> None:
            self.prepare(folder)
            other.prepare(folder)

        return Variation(
            (*self.before, *other.before),
            other.cores if other.cores != "2" else self.cores,
            {**self.environment, **other.environment},
            other.folder if other.folder != "workflow" else self.folder,
            both,
            self.mounted or other.mounted,
        )

    def command(self, folder: Path, *call: str) -> list[str]:
        """The call as it is varied, in this folder."""
        removed = [part for name, value in self.environment.items() if value is None for part in ("-u", name)]
        added = [f"{name}={value.format(folder=folder)}" for name, value in self.environment.items() if value is not None]
        return ["env", *removed, *added, *self.before, *call]

    @contextmanager
    def place(self, flow: Workflow) -> Iterator[Workflow]:
        """The project as it is seen."""
        self.prepare(flow.folder)
        with ExitStack() as stack:
            if self.mounted:
                seen = flow.folder.with_name(f"{flow.folder.name} backwards")
                stack.enter_context(backwards(flow.folder, seen))
                flow = replace(flow, folder=seen)
            yield flow


@contextmanager
def backwards(folder: Path, seen: Path) -> Iterator[None]:
    """Mount a folder a second time, with its entries listed backwards (disorderfs)."""
    seen.mkdir()
    subprocess.run(["disorderfs", "--sort-dirents=yes", "--reverse-dirents=yes", folder, seen], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", seen], check=True)


def locale(name: str) -> Variation:
    """Another locale, made in the project's folder, as few machines have it."""
    language, _, charset = name.partition(".")

    def make(folder: Path) -> None:
        (folder / "locales").mkdir(exist_ok=True)
        subprocess.run(["localedef", "-i", language, "-f", charset, folder / "locales" / name], check=True)

    return Variation(environment={"LC_ALL": name, "LANG": name, "LOCPATH": "locales"}, prepare=make)


def shell(setting: str) -> tuple[str, ...]:
    """Run after a setting of the shell."""
    return ("sh", "-c", f'{setting} && exec "$@"', "sh")


def wrong_modules(folder: Path) -> None:
    for name in MODULES:
        (folder / name).write_text(f"raise SystemExit('{name}: the wrong module')\n", encoding="utf-8")


def matplotlibrc(folder: Path) -> None:
    (folder / "matplotlibrc").write_text(MATPLOTLIBRC, encoding="utf-8")


THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "7")


def all_of(variations: Iterable[Variation]) -> Variation:
    """Several at once."""
    return functools.reduce(operator.or_, variations)


REPROTEST = {  # a host name can only be set before the rights are given up
    "path with spaces and other letters": Variation(folder=ODD_PATH),
    "home that cannot be": Variation(environment={"HOME": "/proc/nobody", "XDG_CACHE_HOME": "{folder}/cache"}),
    "time zone": Variation(environment={"TZ": "Pacific/Kiritimati"}),
    "locale tr_TR.UTF-8": locale("tr_TR.UTF-8"),
    "umask 077": Variation(shell("umask 077")),
    "host name": Variation(("unshare", "--uts", *shell("hostname elsewhere"))),
    "one CPU": Variation(("taskset", "--cpu-list", "0"), cores="all"),
    "plain user without a name": Variation(PLAIN_USER),
    "order of files": Variation(mounted=True),
    "time, 400 days later": Variation(("faketime", "--exclude-monotonic", "-f", "+400d")),  # or waits of threads may never end
}
VARIATIONS = {
    **REPROTEST,
    "all of these at once": all_of(REPROTEST.values()),
    "locale de_DE.ISO-8859-1": locale("de_DE.ISO-8859-1"),
    "no HOME": Variation(environment={"HOME": None, "XDG_CACHE_HOME": None}),
    # Snakemake does not start without any of the three.
    "no HOME, a user without a name": Variation(
        PLAIN_USER, environment={"HOME": None, "XDG_CACHE_HOME": "{folder}/cache", "XDG_CONFIG_HOME": "{folder}/config"}
    ),
    "modules random.py, torch.py, … in the folder": Variation(prepare=wrong_modules),
    "own matplotlibrc": Variation(prepare=matplotlibrc),
    "threads, backend, hash seed in the environment": Variation(
        environment={**THREADS, "MPLBACKEND": "QtAgg", "PYTHONHASHSEED": "7"}
    ),
}
