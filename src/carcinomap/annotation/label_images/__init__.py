"""Annotations that come as an image of pixel values, and not as outlines."""

from carcinomap.annotation.label_images.label_image import LabelImage

__all__ = ["LabelImage"]
