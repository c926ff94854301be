"""What could be known on that day: features, and the kernel."""
