"""The schema's number, in a module of its own: an idle run compares it without loading the schema."""

HEAD = "0011"
"""The name of the last migration. A test compares them."""
