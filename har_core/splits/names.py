"""The files of a split and what it is checked for, by name."""

FILE_NAMES = {"training": "train.parquet", "validation": "validation.parquet", "test": "test.parquet"}
STATISTICS_FILE_NAME = "statistics.json"

ROLE_CHECK_NAMES = (
    "named_subjects_are_in_the_data",
    "no_role_is_empty",
    "roles_share_no_subject",
    "roles_share_no_window",
    "roles_share_no_duplicate",
    "training_has_no_damage",
    "every_role_has_every_activity",
)
"""In the order of :func:`~har_core.splits.role_checks.check_named_subjects` and
:func:`~har_core.splits.role_checks.check_roles`."""
VALUE_CHECK_NAMES = ("training_means_are_0", "training_deviations_are_1", "every_value_is_finite")
SPLIT_CHECK_NAMES = (*ROLE_CHECK_NAMES, *VALUE_CHECK_NAMES)
"""Of a whole split, in order; the protocol ``leaky`` lacks ``roles_share_no_subject``."""
