"""Geometry of the page's drawings, in the units of their view boxes; marks and colours belong to the templates."""
