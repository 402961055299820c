"""Slides made from nothing but a seed, so that all of carcinomap runs with no download.

A generated slide looks like breast tissue stained with haematoxylin and eosin, in the file format
of a real scanner, with the lesions outlined in the annotation format of real studies. Its classes
share their colours and differ by structure, as on real slides: benign glands have two layers and a
lumen, carcinoma in situ fills a duct but respects its border, invasive carcinoma breaks into the
stroma. A model has to learn shapes.
"""

from carcinomap.demo.generator import generate_cohort, generate_slide

__all__ = ["generate_cohort", "generate_slide"]
