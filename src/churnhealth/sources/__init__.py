"""What the business gave us: read it, hold it as arrays, say what is wrong with it."""
