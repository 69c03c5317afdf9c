"""The data sets: how recordings are named, read and checked, and which channels they have."""
