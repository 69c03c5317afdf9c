"""Everything that an experiment file may say, one module a room, composed in :mod:`har_core.settings.experiment`."""
