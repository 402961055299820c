"""What this machine has of what carcinomap can use, what is missing, and how to get it."""
