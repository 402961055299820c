"""PLACEHOLDER."""


class LabelImage:
    """PLACEHOLDER."""
