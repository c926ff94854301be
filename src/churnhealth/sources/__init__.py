"""What the business gave us: read it and hold it as arrays."""
