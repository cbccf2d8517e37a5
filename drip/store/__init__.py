"""Memory: every query drip asks, one method per use, on SQLite and PostgreSQL. Nobody else speaks SQL."""
