"""Scoring images and judging the scores."""
