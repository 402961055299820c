"""What Digital Slide Archive calls a region, in its own files and in its GeoJSON."""

from typing import Any

from carcinomap.annotation.formats.json_scalars import text_of


def label_and_name(element: dict[str, Any]) -> tuple[str | None, str]:
    """Return the label of an element, None where it has none, and what people called this one.

    HistomicsTK takes the group for the class, and the label where there is no group.
    """
    label = element.get("label")
    value = text_of(label.get("value")) if isinstance(label, dict) else ""
    group = element.get("group")
    if not isinstance(group, str):
        return value or None, ""
    return group.strip(), "" if value == group.strip() else value
