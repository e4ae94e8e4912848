"""Who asks: finding subjects, running them in children, recording, and the command line."""
