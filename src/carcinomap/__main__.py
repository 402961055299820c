"""``python -m carcinomap``."""

from carcinomap.cli.main import main

main()
