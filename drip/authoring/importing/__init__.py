"""Blog posts from elsewhere become Markdown drafts; every repair, guess and loss is reported.

`import_text` is the entrance. Strings in, strings out: nothing here reads a file or opens a socket.
"""

from drip.authoring.importing.draft import Draft, import_text

__all__ = ["Draft", "import_text"]
