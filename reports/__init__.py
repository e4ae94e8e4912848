"""What is told: the result document and its renderings."""
