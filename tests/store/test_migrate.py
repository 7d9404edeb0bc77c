from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from monitor.core.errors import StoreError
from monitor.store import migrate, views
from monitor.store.engine import make_engine, parse_url
from monitor.store.models import Base
from monitor.store.store import Store


@pytest.fixture
def connection(empty_url):
    engine = make_engine(parse_url(empty_url), foreign_keys=False)
    with engine.connect().execution_options(driftloop_write=True) as connection:
        yield connection
    engine.dispose()


def test_the_schema_this_release_names_is_the_newest_migration(connection):
    scripts = ScriptDirectory.from_config(migrate.alembic_config(connection))

    assert scripts.get_heads() == [migrate.SCHEMA]


def test_models_and_migrations_agree(empty_url, connection):
    migrate.upgrade(empty_url)

    with connection.begin():
        command.check(migrate.alembic_config(connection))


def test_a_difference_between_models_and_migrations_is_noticed(empty_url, connection):
    migrate.upgrade(empty_url)

    with connection.begin():
        views.drop(connection)
        connection.execute(sa.text("ALTER TABLE runs DROP COLUMN report"))
        with pytest.raises(command.util.CommandError, match="report"):
            command.check(migrate.alembic_config(connection))


def test_every_downgrade_leads_back_to_nothing_and_up_again(empty_url, connection):
    migrate.upgrade(empty_url)
    with connection.begin():
        command.downgrade(migrate.alembic_config(connection), "base")

    with connection.begin():
        assert set(sa.inspect(connection).get_table_names()) == {"alembic_version"}
    assert migrate.upgrade(empty_url) == (None, migrate.SCHEMA)
    Store.open(empty_url).close()


def test_upgrading_twice_does_nothing_the_second_time(empty_url):
    assert migrate.upgrade(empty_url) == (None, migrate.SCHEMA)
    assert migrate.upgrade(empty_url) == (migrate.SCHEMA, migrate.SCHEMA)


def test_two_upgrades_at_once_do_it_once(empty_url):
    Store.open(empty_url, upgrade=True).close()
    engine = make_engine(parse_url(empty_url), foreign_keys=False)
    with engine.connect().execution_options(driftloop_write=True) as connection, connection.begin():
        command.downgrade(migrate.alembic_config(connection), "base")
    engine.dispose()

    with ThreadPoolExecutor(2) as pool:
        before = sorted(str(b) for b, _ in pool.map(migrate.upgrade, [empty_url] * 2))

    assert before == [migrate.SCHEMA, "None"]


def test_a_store_without_tables_names_the_mend(empty_url, connection):
    with pytest.raises(StoreError, match="driftloop db upgrade"):
        Store.open(empty_url)


def test_a_missing_file_is_not_created_by_opening_it(tmp_path):
    path = tmp_path / "none.db"

    with pytest.raises(StoreError, match="driftloop db upgrade"):
        Store.open(f"sqlite:///{path}")
    assert not path.exists()


@pytest.mark.parametrize(
    ("revision", "mend"), [("0000", "driftloop db upgrade"), ("9999", "newer driftloop")]
)
def test_another_schema_is_refused_with_the_mend(url, revision, mend):
    engine = make_engine(parse_url(url))
    with engine.connect().execution_options(driftloop_write=True) as connection, connection.begin():
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    engine.dispose()

    with pytest.raises(StoreError, match=mend):
        Store.open(url)


def test_a_newer_schema_is_not_upgraded(url):
    engine = make_engine(parse_url(url))
    with engine.connect().execution_options(driftloop_write=True) as connection, connection.begin():
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(StoreError, match="newer driftloop"):
        migrate.upgrade(url)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("mysql://localhost/x", "SQLite or PostgreSQL"),
        ("driftloop.db", "not a database URL"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_a_url_that_cannot_be_a_store_is_one_clear_error(bad, says):
    with pytest.raises(StoreError, match=says):
        Store.open(bad)


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path):
    path = tmp_path / "notes.db"
    path.write_text("these are my notes, " * 100)

    with pytest.raises(StoreError, match="no intact SQLite database"):
        Store.open(f"sqlite:///{path}")


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path):
    with pytest.raises(StoreError, match="cannot be created"):
        migrate.upgrade(f"sqlite:///{tmp_path / 'none' / 'store.db'}")


def test_a_server_that_does_not_answer_is_one_clear_error_without_the_password():
    with pytest.raises(StoreError, match="server runs") as caught:
        Store.open("postgresql://someone:hunter2@127.0.0.1:1/driftloop")

    assert "hunter2" not in str(caught.value)


def test_the_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "store.db"
    Store.open(f"sqlite:///{path}", upgrade=True).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_scripts_are_found_in_a_checkout_and_are_no_package():
    folder = migrate.scripts_folder()

    assert (folder / "versions").is_dir()
    assert not (folder / "__init__.py").exists()


def test_scripts_beside_the_module_go_first_as_in_a_wheel(tmp_path, monkeypatch):
    (tmp_path / "store" / "alembic").mkdir(parents=True)
    (tmp_path / "store" / "alembic" / "env.py").write_text("")
    monkeypatch.setattr(migrate, "__file__", str(tmp_path / "store" / "migrate.py"))

    assert migrate.scripts_folder() == tmp_path / "store" / "alembic"


def test_every_table_has_a_short_enough_name_for_its_keys():
    named = [
        str(item.name)
        for table in Base.metadata.tables.values()
        for item in (*table.constraints, *table.indexes)
    ]

    assert max(map(len, named)) <= 63  # PostgreSQL cuts longer ones
