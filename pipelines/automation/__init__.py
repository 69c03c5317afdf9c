"""Work that starts by itself: conditions, sensors and schedules. All are off until someone switches them on."""
