"""Offer `stability-gap`: one subcommand per rule of the pipeline, so that whatever a rule runs, a person can run.

Heavy libraries are imported inside the commands: a rule pays only for what it uses.
"""

import importlib
import logging
import os
import pkgutil
import signal
import sys

# Ctrl-C while `python -m stability_gap.cli` still imports ends it without a traceback; `main` takes it from there.
if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import click

from stability_gap.cli.group import commands
from stability_gap.errors import UserError

for module in pkgutil.iter_modules(__path__):
    if module.name != "__main__":
        importlib.import_module(f"{__name__}.{module.name}")  # registers its commands


def main() -> None:
    """Run the command line; a UserError is one message and exit status 2, never a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # so that temporary files are removed
    sys.path.append(os.getcwd())  # modules of the caller's own; last, so that they hide none of ours
    try:
        commands(standalone_mode=False)
    except UserError as error:
        logging.getLogger(__name__).error("error: %s", error)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("", "stability_gap"):
            raise  # no package of somebody else's: a bug
        logging.getLogger(__name__).error(
            "error: this command needs the package %s: pip install 'stability-gap[pipeline]'.", str(error.name).partition(".")[0]
        )
        sys.exit(2)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception:  # into the log as well, which the workflow shows
        logging.getLogger(__name__).exception("error: this is a bug; please report it with these lines:")
        sys.exit(1)
