"""What all settings objects share.

There is one frozen settings object per capability. The command line is generated from its
fields, the Python API takes it, the run records it: no option is ever written down twice.
"""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of every settings object: frozen, and a misspelt name is an error.

    A field's ``description`` is its help on the command line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
