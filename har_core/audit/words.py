"""What people call each kind of defect, in the report and on the checks of Dagster's pages."""

from har_core.audit.kinds import Kind

KIND_WORDS = {
    Kind.ZERO_RUN: "Rows of zeros where a sensor cannot read zero",
    Kind.CONSTANT_RUN: "Rows that repeat the one before exactly",
    Kind.DUPLICATE_ROWS: "Rows that also appear elsewhere",
    Kind.DISCONTINUOUS_JOIN: "Segments that do not continue the one before",
    Kind.WRONG_ORDER: "Segments in the wrong order",
    Kind.MISSING_SEGMENT: "Missing segment numbers",
    Kind.OUT_OF_RANGE: "Values beyond what the sensor can measure",
    Kind.SATURATION: "A channel that stays at its extreme",
    Kind.MAGNETOMETER_NORM: "A magnetic field unlike the Earth's",
    Kind.DUPLICATED_CHANNELS: "Two channels with the same values",
    Kind.SWAPPED_CHANNELS: "Channels swapped with each other",
}
