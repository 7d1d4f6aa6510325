"""Figures of a whole suite: each module defines draw_suite."""
