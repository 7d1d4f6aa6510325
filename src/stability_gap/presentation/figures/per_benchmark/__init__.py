"""Figures of one benchmark: each module defines draw_benchmark."""
