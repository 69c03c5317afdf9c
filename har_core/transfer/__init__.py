"""Models that are fitted on to one person: what is changed of them, on which windows, and what it gains."""
