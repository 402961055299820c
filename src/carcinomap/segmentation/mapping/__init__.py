"""From the pixels of a slide to the finished cells of its map: plan, read, infer, blend."""
