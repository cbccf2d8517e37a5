"""The author's side: text in, problems and compiled posts out. Works on strings, opens no socket."""
