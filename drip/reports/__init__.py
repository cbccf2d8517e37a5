"""The numbers, computed once and shown in several forms."""
