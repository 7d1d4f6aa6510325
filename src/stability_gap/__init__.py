"""Reproducibility pipeline for the stability gap under noradrenergic-inspired gain modulation (arXiv 2507.14056)."""

__version__ = "0.1.0"
