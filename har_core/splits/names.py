"""The files of a split, why windows leave it, and what it is checked for."""

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

SPLIT_CHECKS = {
    "named_subjects_are_in_the_data": "every subject that `[splits]` names is in the data",
    "no_role_is_empty": "each role has windows; validation only if subjects are named for it",
    "roles_share_no_subject": "no subject has two roles; not checked for the protocol `leaky`, which exists to mix "
    "them",
    "roles_share_no_window": "no window has two roles, and no two windows of different roles share a sample",
    "roles_share_no_duplicate": "no duplicate group has two roles",
    "training_has_no_damage": "no training window is damaged",
    "every_role_has_every_activity": "training has every activity of the data, each other role every one that its own "
    "subjects have; only validation may lose one to copies, and then the check says so",
    "training_means_are_0": "means of the normalised training channels are within 1e-3 of 0",
    "training_deviations_are_1": "their deviations are within 1e-3 of 1, except for constant channels",
    "every_value_is_finite": "no value is NaN or infinite, in any role",
}
"""The name of each check, and what must hold. In order: of roles (:mod:`har_core.splits.role_checks`), then of values
(:mod:`har_core.splits.parts`). The protocol ``leaky`` lacks ``roles_share_no_subject``."""

ONE_SUBJECT = "only the protocol leaky can score models on the windows of one subject"
"""What can still be done where roles need several subjects."""
