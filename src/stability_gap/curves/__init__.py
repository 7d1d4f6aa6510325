"""Anybody's accuracy curves, read as our evaluations (docs/own-curves.md)."""
