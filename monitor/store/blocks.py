"""The monitors of `for_each` blocks: which values there are, and what each is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from monitor.store.engine import Database
from monitor.store.service_models import BlockRow, MemberRow
from monitor.store.types import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One value of a block, and the name of its monitor.

    `begins`: the value came after the block's reference, so its own reference begins there.
    """

    value: str
    name: str
    begins: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What is known of a block."""

    members: tuple[Member, ...]  #: in the order in which they became known
    searched_to: datetime | None  #: its rows before this were searched for values
    left_out: int  #: values that were too many


class Blocks:
    """Values of blocks; a known one keeps its name and its reference for ever."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, block: str) -> Block | None:
        """What is known of a block; None when it was never searched."""
        return self.all([block]).get(block)

    def all(self, names: Iterable[str]) -> dict[str, Block]:
        """What is known of those blocks, by name."""
        wanted = list(names)
        with self._database.reading() as session:
            rows = session.scalars(sa.select(BlockRow).where(BlockRow.name.in_(wanted))).all()
            query = sa.select(MemberRow).where(MemberRow.block.in_(wanted)).order_by(MemberRow.id)
            members: dict[str, list[Member]] = {}
            for row in session.scalars(query):
                found = Member(value=row.value, name=row.name, begins=row.begins)
                members.setdefault(row.block, []).append(found)
            return {
                row.name: Block(
                    members=tuple(members.get(row.name, ())),
                    searched_to=row.searched_to,
                    left_out=row.left_out,
                )
                for row in rows
            }

    def add(
        self, block: str, members: Sequence[Member], *, searched_to: datetime | None, left_out: int
    ) -> list[Member]:
        """Make values known, and note how far the rows were searched; those that are new."""
        with self._database.writing() as session:
            row = {"name": block, "searched_to": searched_to, "left_out": left_out}
            if not self._database.insert_new(session, BlockRow, [row], BlockRow.name):
                _search_on(session, block, searched_to, left_out)
            now = self._database.now(session)
            rows = [
                {
                    "block": block,
                    "value": member.value,
                    "value_digest": digest(member.value),
                    "name": member.name,
                    "begins": member.begins,
                    "seen_at": now,
                }
                for member in members
            ]
            new = set(self._database.insert_new(session, MemberRow, rows, MemberRow.name))
        return [member for member in members if member.name in new]


def _search_on(session: Session, block: str, to: datetime | None, left_out: int) -> None:
    row = session.get_one(BlockRow, block)
    row.left_out = max(row.left_out, left_out)
    if to is not None and (row.searched_to is None or row.searched_to < to):
        row.searched_to = to
