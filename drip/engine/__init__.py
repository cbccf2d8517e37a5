"""The imperative shell: the only place where decisions become rows and rows become mail."""
