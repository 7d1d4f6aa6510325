"""Figures: one file each, in the folder that says what it is drawn from."""
