"""What bodies have in common: requests are strict about types and lenient about keys, responses are closed."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    # JSON says what it means: "600" is no number, 1 is no boolean.
    model_config = ConfigDict(strict=True, extra="ignore")


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Success(Closed):
    success: Literal[True] = True
