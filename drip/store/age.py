"""The schema's number, in a module of its own: an idle run compares it without loading the schema."""

HEAD = "0012"
"""The name of the last migration. A test compares them."""
