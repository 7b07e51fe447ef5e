"""The loop, the step, optimiser and schedule, run state, signals. No terminal, no database."""
