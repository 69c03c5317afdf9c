"""The files of a split, why windows leave it, and what it is checked for, by name."""

FILE_NAMES = {"training": "train.parquet", "validation": "validation.parquet", "test": "test.parquet"}
STATISTICS_FILE_NAME = "statistics.json"

DROPS = (
    "none_training",
    "none_validation",
    "damaged_training",
    "duplicate_training",
    "duplicate_validation",
    "overlapping_training",
    "overlapping_validation",
)
"""Why, and from which role, :func:`har_core.splits.roles.separate` takes windows; each is counted once, under the first
that applies."""

SPLIT_CHECK_NAMES = (
    "named_subjects_are_in_the_data",
    "no_role_is_empty",
    "roles_share_no_subject",
    "roles_share_no_window",
    "roles_share_no_duplicate",
    "training_has_no_damage",
    "every_role_has_every_activity",
    "training_means_are_0",
    "training_deviations_are_1",
    "every_value_is_finite",
)
"""In order: of roles (:mod:`har_core.splits.role_checks`), then of values (:mod:`har_core.splits.parts`). The protocol
``leaky`` lacks ``roles_share_no_subject``."""

ONE_SUBJECT = "only the protocol leaky can score models on the windows of one subject"
"""What can still be done where roles need several subjects."""
