"""What is tested: the contract of a loader, what it reads, and the loaders that ship with Loadstone."""
