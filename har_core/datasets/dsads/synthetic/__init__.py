"""Recordings made from a seed in the format of the real files, by a simple mechanical model of a body with five units.

``activities`` says how each activity is moved, ``subjects`` how people differ, ``motion`` and ``sensors`` turn both
into channels, and ``writer`` puts them into files. What the model leaves out is in ``docs/synthetic_recordings.md``.
"""
