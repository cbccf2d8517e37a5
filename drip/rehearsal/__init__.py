"""Campaigns rehearsed: the real engine on a database in memory, in fast time, with a crowd and a relay of its own."""
