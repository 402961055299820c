"""What a folder of maps says of itself: a table, a page, what failed, and how it was made."""
