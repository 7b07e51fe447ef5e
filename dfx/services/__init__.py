"""A plain function per thing a user can ask for: the only code that sees two rooms."""
