"""What every package needs: errors, files, memory, progress, checks. Nothing here knows what a recording is."""
