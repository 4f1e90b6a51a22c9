"""``python -m planner.cli`` does what the console script does."""

from planner.cli import main

main()
