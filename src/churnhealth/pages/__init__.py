"""Tell the humans: scores and reasons as one plain dict, and that dict as a page."""
