"""Run the command line: python -m stability_gap.cli."""

from stability_gap.cli import main

main()
