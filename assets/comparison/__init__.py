"""The report on everything there is, and the champion."""
