"""Everything that an experiment file can say: a module for each section, put together in :mod:`.experiment`."""
