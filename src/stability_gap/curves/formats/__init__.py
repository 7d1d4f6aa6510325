"""Formats of curves: one module each, found by listing this folder.

A module defines `matches(content) -> bool` and `read(content, options) -> table`, both pure; its name is the name of the format,
its docstring says whose files it reads and where that format is described. `read` returns columns for `tidy.tidy`.
"""
