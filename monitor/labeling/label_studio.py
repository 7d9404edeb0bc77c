"""Label Studio: the queue as a file for its import page, or straight into the server and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self

import pydantic

from monitor.core.errors import LabelingError
from monitor.labeling.items import ExportCount, Item, Skipped
from monitor.labeling.label_studio_answers import answer_of
from monitor.labeling.label_studio_tasks import labeling_config, task
from monitor.labeling.returned import Returned
from monitor.labeling.spec import NEED_IMAGE, LabelSpec

if TYPE_CHECKING:  # httpx is loaded when a server is called
    from monitor.labeling.label_studio_server import LabelStudioServer

__all__ = ["LabelStudio", "labeling_config", "plugin", "task"]


class LabelStudio:
    """Label Studio tasks as one JSON list, for its import page or `/api/projects/ID/import`.

    A task's `data` holds `driftloop_id` (the id as text, by which answers are matched), `id`,
    `monitor`, `window`, `reason`, `reason_text`, `score`, `inclusion_probability`, `weight`, the
    columns of the row (one that bears a name in use gets `row_` in front), and the image as a
    data URI (other bytes are left out, and counted). Its `predictions` hold the model's draft in
    the terms of `labeling_config`; a draft that does not fit the label spec stays out, and the
    reason is kept.
    """

    name: ClassVar[str] = "label-studio"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `label-studio` under [monitors.queue.tool]."""

        url: str = pydantic.Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")
        #: A legacy token or a personal access token of a user who may make projects.
        token: pydantic.SecretStr
        #: Ids of projects that people made; left out, driftloop makes its own.
        project: int | None = pydantic.Field(None, ge=1)
        expert_project: int | None = pydantic.Field(None, ge=1)
        batch: int = pydantic.Field(200, ge=1, le=250)
        tasks_per_project: int = pydantic.Field(50_000, ge=1, le=1_000_000)
        requests_per_second: float = pydantic.Field(10.0, gt=0, le=1000)
        timeout: float = pydantic.Field(120.0, gt=0, le=600)  #: seconds for one answer
        ca_file: Path | None = None
        #: Address of `driftloop serve` at which Label Studio says that something changed.
        webhook: str | None = pydantic.Field(None, pattern=r"^https?://[^\s?#]+$")
        webhook_secret: pydantic.SecretStr | None = None

        @pydantic.model_validator(mode="after")
        def _complete(self) -> Self:
            if self.webhook and not self.webhook_secret:
                msg = "a webhook needs webhook_secret, by which its calls are told from others"
                raise ValueError(msg)
            return self

    @staticmethod
    def connect(options: Options) -> LabelStudioServer:
        """The server that the options name."""
        from monitor.labeling.label_studio_server import LabelStudioServer  # noqa: PLC0415
        from monitor.labeling.wire import Wire  # noqa: PLC0415 - httpx takes a while to load

        wire = Wire(
            options.url,
            name="Label Studio",
            timeout=options.timeout,
            per_second=options.requests_per_second,
            ca_file=options.ca_file,
        )
        return LabelStudioServer(
            wire,
            options.token.get_secret_value(),
            batch=options.batch,
            tasks_per_project=options.tasks_per_project,
        )

    def write(self, items: Iterable[Item], spec: LabelSpec, out: BinaryIO) -> ExportCount:
        """Write the items, one at a time."""
        count = ExportCount()
        out.write(b"[")
        for item in items:
            if spec.type in NEED_IMAGE and item.image is None:
                count.skipped.append(Skipped(item.id, f"no image, and {spec.type} needs one"))
                continue
            text = json.dumps(task(item, spec, count), ensure_ascii=False, allow_nan=False)
            out.write((b",\n" if count.written else b"\n") + text.encode("utf-8"))
            count.written += 1
        out.write(b"\n]\n")
        return count

    def read(self, source: BinaryIO, spec: LabelSpec) -> Returned:
        """Read Label Studio's JSON export (tasks with their annotations).

        Raises
        ------
        LabelingError
            It is no such file.
        """
        returned = Returned()
        try:
            for one in json.load(source):
                _take(one, spec, returned)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            msg = f"This is no JSON export of Label Studio ({type(error).__name__}: {error})."
            raise LabelingError(msg) from error
        return returned


def _take(one: dict[str, Any], spec: LabelSpec, returned: Returned) -> None:
    key = str(one["data"].get("driftloop_id", one["data"].get("id")))
    answers = [
        answer_of(str(one.get("id", "")), annotation, spec, _who(annotation))
        for annotation in one.get("annotations", [])
    ]
    given = [answer for answer in answers if answer.state == "active"]
    if not given:
        returned.unlabelled.append(key)
    for answer in given:
        if answer.problem:
            returned.refused.append(Skipped(key, answer.problem))
        else:
            who = answer.annotator or None
            returned.take(key, answer.value, spec, who, lead_time=answer.lead_time)


def _who(annotation: dict[str, Any]) -> str:
    who = annotation.get("completed_by")
    return str(who.get("email", "")) if isinstance(who, dict) else f"user {who}" if who else ""


plugin = LabelStudio
