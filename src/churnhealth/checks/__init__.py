"""What is wrong with the data: each breach with a code and a way out."""
