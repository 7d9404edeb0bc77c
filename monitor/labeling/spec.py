"""What annotators are asked for: the label spec of a queue."""

from __future__ import annotations

from typing import Literal, Self

import pydantic

#: The shapes of a label, as a prediction goes out and as an answer comes back:
#:
#: class        one class: "late"
#: multi-label  a list of classes: ["cat", "dog"]
#: span         a list of {"start", "end", "label"}: characters, end exclusive
#: box          a list of {"x", "y", "width", "height", "label"}: pixels from the top left
#: polygon      a list of {"points": [[x, y], …], "label"}: pixels
#: rating       a whole number from 1 to `max_rating`
#: text         a text
LabelType = Literal["class", "multi-label", "span", "box", "polygon", "rating", "text"]

NEED_CLASSES: frozenset[LabelType] = frozenset({"class", "multi-label", "span", "box", "polygon"})
NEED_IMAGE: frozenset[LabelType] = frozenset({"box", "polygon"})


class LabelSpec(pydantic.BaseModel, frozen=True, extra="forbid"):
    """Label spec of one queue; a change of the guideline is a new version."""

    type: LabelType = "class"
    classes: tuple[str, ...] = ()
    guideline: str = ""
    version: str = "1"
    max_rating: int = pydantic.Field(5, ge=2, le=10)
    label_field: str = pydantic.Field("label", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    #: Column that holds the text to label; needed for spans.
    text_field: str | None = None
    #: Key under which an item's image goes out.
    image_field: str = pydantic.Field("image", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    #: Whether the items carry images.
    has_images: bool = False
    #: Columns that the annotator sees beside; none named: all.
    shown: tuple[str, ...] = ()

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Self:
        if len(set(self.classes)) < len(self.classes):
            msg = "classes: each class once"
            raise ValueError(msg)
        if any(not name.strip() for name in self.classes):
            msg = "classes: a class needs a name"
            raise ValueError(msg)
        if self.type in NEED_IMAGE and not self.has_images:
            msg = f"type {self.type!r} needs images: set has_images"
            raise ValueError(msg)
        if self.type == "span" and self.text_field is None:
            msg = "type 'span' needs text_field, the column that holds the text"
            raise ValueError(msg)
        return self
