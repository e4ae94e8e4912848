"""Data files that ship with the loaders."""
