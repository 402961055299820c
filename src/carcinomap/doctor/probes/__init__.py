"""What is looked at, a library or a part of the machine each: ``CHECKS`` of each module."""
