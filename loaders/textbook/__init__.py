"""The loops as the tutorials print them, in our own words, faults included."""
