"""What was said before: every scoring run is kept, and can be read back at once."""
