"""Puts curve_truth.py on the path of the tests below."""
