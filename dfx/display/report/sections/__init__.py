"""The parts of the page, each in a module by itself. A part takes values and gives markup."""
