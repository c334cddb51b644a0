"""`python -m casework` is the `casework` command."""

from __future__ import annotations

from casework.cli import main

main()
