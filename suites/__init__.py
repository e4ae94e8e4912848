"""What is asked: scenarios, traces, and the judges that turn traces into findings."""
