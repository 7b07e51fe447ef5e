"""Consoles, tables and progress: renders records, asks nobody."""
