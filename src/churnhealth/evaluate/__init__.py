"""Is it true, and is it better than the rules."""
