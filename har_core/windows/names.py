"""What a table of windows is checked for: the name of each check, and what must hold."""

WINDOW_CHECKS = {
    "no_window_crosses_a_break": "no window crosses a join that is not continuous, or a missing segment",
    "damage_is_flagged": "`damaged` agrees with the findings, as `[windows] damaged` asks",
    "copies_are_linked": "windows with copies of the same row are in one group, and no other window has a group",
}
"""What :class:`~har_core.windows.checks.WindowChecks` compares with the findings, in its order."""
