"""Runs the command as ``python -m noegress``."""

import sys

from noegress.cli import main

sys.exit(main())
