"""From the finished cells of a map to the outlines of its regions, written while it runs."""
