"""A centre is set up once, brought up to date, and shows no password."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from storage.centre import migrations
from storage.centre.address import Address, CentreError
from storage.centre.setting_up import add_school, schools, set_up
from storage.centre.tables import METADATA
from storage.connections import Database
from tests.storage.centre.conftest import Centre, forward_all


def test_its_tables_are_those_that_the_program_knows(centre: Centre) -> None:
    with Address(centre.url()).engine().connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "version_table_schema": migrations.SCHEMA,
                "include_object": lambda thing, name, kind, reflected, other: (
                    kind != "index" or not name.startswith("alembic")
                ),
            },
        )
        assert compare_metadata(context, METADATA) == []


def test_setting_up_again_changes_nothing(centre: Centre, database: Database) -> None:
    url = centre.school("ash")
    forward_all(database, url)
    set_up(Address(centre.url()))
    assert [school.last for school in schools(Address(centre.url()))] == [1]


def test_a_newer_centre_is_left_alone_and_an_older_one_named(
    centre: Centre, database: Database
) -> None:
    url = centre.school("ash")
    centre.ask("UPDATE schoolgate.alembic_version SET version_num = '0009'")
    with pytest.raises(CentreError, match="newer release"):
        set_up(Address(centre.url()))
    assert forward_all(database, url) == 0, "a newer centre takes what an older gateway sends"
    centre.ask("UPDATE schoolgate.alembic_version SET version_num = '0001'")
    with pytest.raises(CentreError, match="older release: run 'schoolgate centre init'"):
        forward_all(database, url)


def test_where_there_is_none_it_is_said_what_to_do(centre: Centre, database: Database) -> None:
    other = Address(centre.server.url("postgres"))
    with pytest.raises(CentreError, match="There is no centre at"):
        forward_all(database, centre.server.url("postgres"))
    with pytest.raises(CentreError, match="is not set up"):
        schools(other)
    with pytest.raises(CentreError, match="does not let this role"):
        set_up(Address(centre.school("ash")))


@pytest.mark.parametrize(
    "name", ["", "Ash", "1ash", "ash oak", 'ash"', "a" * 41, "school", "reader"]
)
def test_names_that_cannot_be(centre: Centre, name: str) -> None:
    with pytest.raises(CentreError):
        add_school(Address(centre.url()), name, "Europe/London")


def test_time_zones_that_cannot_be(centre: Centre) -> None:
    with pytest.raises(CentreError, match="is no time zone"):
        add_school(Address(centre.url()), "ash", "Europe/Barningham")


@pytest.mark.parametrize(
    "url",
    [
        "", "secret", "mysql://a:secret@b/c", "postgresql://a:secret@b:secret/c",
        "postgresql://a:secret@b/c?secret", "postgresql://a:secret@[b/c", "sqlite:///secret",
        "postgresql://a:my@secret@b/c", "postgresql://a:1/secret@b/c",
    ],
)  # fmt: skip
def test_what_is_no_address_is_not_repeated(url: str) -> None:
    with pytest.raises(CentreError) as refused:
        Address(url)
    assert str(refused.value).startswith("That is not the address of a centre")
    assert "secret" not in str(refused.value)


def test_an_address_shows_no_password(database: Database) -> None:
    address = Address("postgresql://role:secret@127.0.0.1:1/trust")
    assert str(address) == "trust at 127.0.0.1:1"
    with pytest.raises(CentreError) as refused:
        forward_all(database, "postgresql://role:secret@127.0.0.1:1/trust?password=secret")
    assert "trust at 127.0.0.1:1" in str(refused.value)
    assert "secret" not in str(refused.value)
