"""Smaller and faster models, made from fitted ones: one module for each recipe."""
