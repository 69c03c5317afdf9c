"""What a table of windows is checked for, by name."""

WINDOW_CHECKS = ("no_window_crosses_a_break", "damage_is_flagged", "copies_are_linked")
"""What :class:`~har_core.windows.checks.WindowChecks` compares with the findings, in its order."""
