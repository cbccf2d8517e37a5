"""What is heavy is imported when a page is made, and not before."""

from __future__ import annotations

import subprocess
import sys


def test_layout_imports_nothing_heavy() -> None:
    program = (
        "import sys, drip.authoring.layout\n"
        "heavy = {'premailer', 'cssutils', 'requests', 'lxml', 'markdown_it', 'mdit_py_plugins'} & set(sys.modules)\n"
        "sys.exit(' '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
