"""Judge the paper's claims, one file per family: importing the package registers every file that lies in it.

`engine` registers and judges, `rules` decide a verdict from numbers, `comparisons` test optimizers against each other; every
other file holds claims, and the rule of each stands in its docstring (PROTOCOL section 7).
"""

import importlib
import pkgutil

from stability_gap.analysis.claims.engine import CLAIMS, COLUMNS, Case, Claim, Terms, claim, judge
from stability_gap.analysis.claims.rules import INCONCLUSIVE, NOT_ASSESSABLE, NOT_REPRODUCED, NOT_TESTED, REPRODUCED

__all__ = [
    "CLAIMS",
    "COLUMNS",
    "INCONCLUSIVE",
    "NOT_ASSESSABLE",
    "NOT_REPRODUCED",
    "NOT_TESTED",
    "REPRODUCED",
    "Case",
    "Claim",
    "Terms",
    "claim",
    "judge",
]

for _family in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_family}")
