"""The command line: a file per command, options above and one call below."""
