"""Collect the metrics, one file per family: importing the package registers every file that lies in it.

Notation of the docstrings: a_j(t) is the test accuracy (a fraction) on task j after update t; there are K contexts, and
block k holds the evaluations of context k. The *before* of switch k is the last evaluation of block k−1; that is update
(k−1)I where every update is evaluated. Whatever is undefined is NaN, never 0: a metric that needs a switch in a stream
of one context, or one that needs a task that was not recorded. Evaluations may be unevenly spaced.

Source, where a docstring names no other: De Lange, van de Ven, Tuytelaars, "Continual evaluation for lifelong
learning: Identifying the stability gap", ICLR 2023 (arXiv 2205.13452), section 3.
"""

import importlib
import pkgutil

for _family in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_family}")
