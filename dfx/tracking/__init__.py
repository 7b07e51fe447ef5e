"""The record of runs. Rows never leave it; it formats nothing and never loads torch."""
