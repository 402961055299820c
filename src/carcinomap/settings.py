"""What all settings objects share.

There is one frozen settings object per capability. The command line is generated from its
fields, the Python API takes it, the run records it: no option is ever written down twice.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

_HEADING = "heading"


class Settings(BaseModel):
    """Base of every settings object: frozen, and a misspelt name is an error.

    A field's ``description`` is its help on the command line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def under(heading: str) -> Callable[..., Any]:
    """Return pydantic's ``Field``, for fields that a command's help lists under that heading."""
    return partial(Field, json_schema_extra={_HEADING: heading})


def heading_of(field: FieldInfo) -> str | None:
    """Return the heading of a field, if it has one."""
    extra = field.json_schema_extra
    return str(extra[_HEADING]) if isinstance(extra, dict) and _HEADING in extra else None
