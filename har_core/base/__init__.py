"""What every package stands on: errors, files, memory, progress, checks. Nothing here knows what a recording is."""
