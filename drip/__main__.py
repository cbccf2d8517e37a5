"""`python -m drip` is `drip`."""

from __future__ import annotations

from drip.cli.main import main

main()
