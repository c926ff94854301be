"""The same steps as the commands, for notebooks: frames in, frames out."""
