"""drip: a newsletter and drip-campaign engine for blog authors who live in Markdown, git and cron."""

__version__ = "0.1.0"
