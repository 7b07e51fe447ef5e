"""`dfx db`: what it says and leaves, also of a database that cannot be used."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dfx.tracking import schema
from dfx.tracking.schema import HEAD, REVISIONS

from .conftest import Command, Outcome

OLD = Path(__file__).parents[1] / "tracking" / "revisions" / f"{REVISIONS[0]}.db"


def check(outcome: Outcome, code: int, *words: str) -> None:
    """Says that a command ended with an error of these words and a hint."""
    __tracebackhide__ = True
    assert code == outcome.code, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "hint: " in outcome.stderr
    assert [word for word in words if word not in outcome.stderr] == [], outcome.stderr


@pytest.fixture
def home(trained_folder: Path, folder: Path) -> Path:
    """A home with a completed run, which a test may spoil; commands find it by themselves."""
    return Path(shutil.copytree(trained_folder / "runs", folder / "runs"))


@pytest.fixture
def old_home(folder: Path) -> Path:
    """A home with a database of the first revision, whose files are not there."""
    (folder / "runs").mkdir()
    shutil.copyfile(OLD, folder / "runs/dfx.db")
    return folder / "runs"


def dump(path: Path) -> list[str]:
    """All that a database holds."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def spoil_corrupt(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x5a" * (len(content) - 4096))


def spoil_no_database(path: Path) -> None:
    path.write_bytes(b"\x89PNG and so on" * 1000)


def spoil_foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")


def spoil_newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE dfx_alembic_version SET version_num = '9999'")
        connection.commit()


SPOILS: dict[str, tuple[Callable[[Path], None], str]] = {
    "damaged": (spoil_corrupt, "is damaged"),
    "no database": (spoil_no_database, "is not a database"),
    "foreign": (spoil_foreign, "belongs to something else"),
    "newer": (spoil_newer, "has revision 9999"),
}


@pytest.mark.parametrize(
    "command",
    [
        ("db", "status"),
        ("db", "upgrade"),
        ("db", "check"),
        ("db", "check", "--adopt"),
        ("compare",),
        ("show",),
        ("resume", "trained", "--epochs", "3"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("how", SPOILS)
def test_database_that_cannot_be_used(
    dfx: Command, home: Path, how: str, command: tuple[str, ...]
) -> None:
    """Every command names it and a way out, and changes nothing."""
    spoil, words = SPOILS[how]
    spoil(home / "dfx.db")
    before = (home / "dfx.db").read_bytes()
    names = sorted(path.name for path in home.iterdir())
    outcome = dfx(*command)

    check(outcome, 4, "runs/dfx.db", words)
    assert before == (home / "dfx.db").read_bytes()
    assert names == sorted(path.name for path in home.iterdir())


def test_newer_database_can_be_copied(dfx: Command, home: Path) -> None:
    spoil_newer(home / "dfx.db")
    outcome = dfx("db", "backup", "--format", "json")

    assert outcome.code == 0
    assert Path(outcome.json()["target"]).name.startswith("dfx.db.9999.")


def test_status_says_how_much_there_is(dfx: Command, home: Path) -> None:
    """The document has the documented names; nothing is left beside the database."""
    document = dfx("db", "status", "--format", "json").json()

    assert list(document) == [
        *("database", "kind", "version", "state", "revision", "expected_revision", "bytes"),
        *("wal_bytes", "journal", "experiments", "runs", "epochs", "checkpoints"),
        *("checkpoint_bytes", "evaluations", "live", "problem", "hint"),
    ]
    assert (document["state"], document["revision"]) == ("current", HEAD)
    assert document["database"] == str(home / "dfx.db")
    assert document["bytes"] == (home / "dfx.db").stat().st_size
    assert document["runs"]["completed"] == 1
    assert sum(document["runs"].values()) == document["experiments"] == 1
    assert document["epochs"] == 2
    size = sum(path.stat().st_size for path in home.glob("*/*/checkpoints/*.pt"))
    assert document["checkpoint_bytes"] == size
    assert (document["live"], document["problem"]) == ([], None)


@pytest.mark.parametrize("how", ["damaged", "no database", "foreign", "newer"])
def test_status_of_what_cannot_be_used_is_printed_all_the_same(
    dfx: Command, home: Path, how: str
) -> None:
    SPOILS[how][0](home / "dfx.db")
    outcome = dfx("db", "status", "--format", "json")
    document = outcome.json()

    assert outcome.code == 4
    assert document["state"] == {"no database": "damaged"}.get(how, how)
    assert SPOILS[how][1] in document["problem"]
    assert document["runs"] is None


def test_looking_does_not_upgrade(dfx: Command, old_home: Path) -> None:
    before = (old_home / "dfx.db").read_bytes()
    status = dfx("db", "status", "--format", "json")
    checked = dfx("db", "check", "--no-files", "--format", "json")

    assert (status.code, checked.code) == (0, 0)
    assert (status.json()["state"], status.json()["revision"]) == ("older", REVISIONS[0])
    assert status.json()["runs"]["lost"] == 1
    (finding,) = checked.json()["findings"]
    assert (finding["kind"], finding["is_fault"]) == ("revision", False)
    assert "dfx db upgrade" in finding["hint"]
    assert before == (old_home / "dfx.db").read_bytes()
    assert [path.name for path in old_home.iterdir()] == ["dfx.db"]


def test_upgrade_says_from_where_to_where(dfx: Command, old_home: Path) -> None:
    """And where the copy is; asked again, that nothing is to do."""
    first = dfx("db", "upgrade", "--format", "json").json()
    again = dfx("db", "upgrade")
    (copy,) = old_home.glob("*.backup")

    assert (first["before"], first["after"]) == (REVISIONS[0], HEAD)
    assert first["backup"] == str(copy)
    assert dump(OLD) == dump(copy)
    assert "nothing to do" in again.stdout
    assert list(old_home.glob("*.backup")) == [copy]


def test_upgrade_that_fails_half_way_names_the_copy(
    dfx: Command, old_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the migrations had done by then is undone."""
    migrations = old_home.parent / "migrations"
    shutil.copytree(schema.find_migrations(), migrations)
    (migrations / "versions" / "9000_failing.py").write_text(
        f'"""Fails in its second step."""\nfrom alembic import op\nrevision = "9000"\n'
        f'down_revision = "{HEAD}"\n\n\ndef upgrade():\n'
        '    op.execute("CREATE TABLE halfway (x)")\n'
        '    op.execute("INSERT INTO nowhere VALUES (1)")\n'
    )
    monkeypatch.setattr(schema, "find_migrations", lambda: migrations)
    monkeypatch.setattr(schema, "HEAD", "9000")
    monkeypatch.setattr(schema, "REVISIONS", (*REVISIONS, "9000"))
    outcome = dfx("db", "upgrade")
    (copy,) = old_home.glob("*.backup")
    with closing(sqlite3.connect(old_home / "dfx.db")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        revision = connection.execute("SELECT version_num FROM dfx_alembic_version").fetchall()

    check(outcome, 4, "nothing was changed", "nowhere", str(copy))
    assert "halfway" not in tables
    assert revision == [(REVISIONS[0],)]
    assert dump(OLD) == dump(copy)


def test_copy_of_a_home_is_one_by_itself(dfx: Command, home: Path, faces: Path) -> None:
    """Runs are compared, applied and gone on with there, after the first home is gone."""
    runs = dfx("compare", "--format", "json").json()
    outcome = dfx("db", "backup", "copy", "--format", "json")
    held = {path.relative_to(home) for path in home.rglob("*") if path.is_file()}
    copied = {path.relative_to(Path("copy")) for path in Path("copy").rglob("*") if path.is_file()}
    shutil.rmtree(home)
    image = faces / "test" / "real" / "00.png"

    assert outcome.code == 0
    assert held == copied
    assert outcome.json()["files"] == len(held)
    assert dfx("compare", "--format", "json", "--home", "copy").json() == runs
    assert dfx("db", "check", "--home", "copy").code == 0
    assert dfx("predict", image, "--home", "copy").code == 0
    assert dfx("resume", "trained", "--epochs", "3", "--home", "copy").code == 0


def test_check_names_every_file_with_a_way_out(dfx: Command, home: Path) -> None:
    """One that is gone, one that is damaged, one that is shorter, and a folder nobody knows."""
    files = {path.name[:4]: path for path in home.glob("*/*/checkpoints/*.pt")}
    lasts = sorted(home.glob("*/*/checkpoints/last-*.pt"))
    lasts[0].unlink()
    lasts[1].write_bytes(lasts[1].read_bytes()[:-1])
    content = bytearray(files["best"].read_bytes())
    content[len(content) // 2] ^= 1
    files["best"].write_bytes(content)
    next(home.glob("*/*/val-*.csv")).unlink()
    shutil.copytree(lasts[1].parent, home / "other/7/checkpoints")
    outcome = dfx("db", "check", "--format", "json")
    report = outcome.json()
    found = {(f["kind"], Path(f["path"]).name[:4]) for f in report["findings"]}

    check(outcome, 4, "faults")
    assert found == {
        ("missing file", "last"),
        ("damaged file", "last"),
        ("damaged file", "best"),
        ("missing file", "val-"),
        ("unknown folder", "7"),
    }
    assert report["faults"] == 5
    assert all(finding["hint"] for finding in report["findings"])
    assert dfx("db", "check", "--no-files").code == 0


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE runs SET status = 'running'", "status"),
        ("UPDATE runs SET status = 'dreaming'", "status"),
        ("UPDATE attempts SET outcome = NULL, ended_at = NULL", "status"),
        ("UPDATE runs SET best_epoch = 9", "best epoch"),
        ("UPDATE runs SET best_epoch = NULL", "best epoch"),
        ("DELETE FROM checkpoints WHERE kind = 'best'", "best epoch"),
        ("DELETE FROM epochs WHERE epoch = 1", "epochs"),
        ("DELETE FROM attempts", "reference"),
        ("DELETE FROM experiments", "reference"),
    ],
)
def test_record_that_contradicts_itself(
    dfx: Command, home: Path, statement: str, kind: str
) -> None:
    with closing(sqlite3.connect(home / "dfx.db")) as connection:
        connection.execute(statement)
        connection.commit()
    outcome = dfx("db", "check", "--format", "json", "--no-files")
    findings = outcome.json()["findings"]

    assert outcome.code == 4
    assert kind in {finding["kind"] for finding in findings}
    assert all(finding["hint"] for finding in findings)


def test_status_that_is_none_is_told(dfx: Command, home: Path) -> None:
    with closing(sqlite3.connect(home / "dfx.db")) as connection:
        connection.execute("UPDATE runs SET status = 'dreaming'")
        connection.commit()

    check(dfx("db", "status"), 4, "'dreaming'", "dfx db check")


def test_lost_database_is_noticed_and_made_anew(dfx: Command, home: Path, faces: Path) -> None:
    """Every command says what to do; then the run is there with all its numbers."""
    before = dfx("compare", "--format", "json").json()["runs"][0]
    (home / "dfx.db").unlink()
    image = faces / "test" / "real" / "00.png"
    for command in (("show",), ("predict", image), ("db", "status"), ("db", "check")):
        check(dfx(*command), 3, "dfx db check --adopt")
    adopted = dfx("db", "check", "--adopt")
    after = dfx("compare", "--format", "json").json()["runs"][0]

    assert adopted.code == 0, adopted.stderr
    assert {key for key in before if before[key] != after[key]} <= {"seconds"}
    assert dfx("predict", image).code == 0


def test_taken_number_gives_way(dfx: Command, home: Path) -> None:
    """A run whose number has gone to another gets the next one; its folder stays."""
    (home / "dfx.db").rename(home / "elsewhere.db")
    dfx("db", "check", "--adopt")
    with closing(sqlite3.connect(home / "dfx.db")) as connection:
        connection.execute("UPDATE runs SET uuid = 'another', directory = 'trained/8'")
        connection.execute("UPDATE checkpoints SET path = replace(path, '/1/', '/8/')")
        connection.commit()
    report = dfx("db", "check", "--adopt", "--no-files", "--format", "json").json()

    assert [(a["run"], a["directory"]) for a in report["adopted"]] == [("trained/2", "trained/1")]


def test_folder_without_a_whole_checkpoint_is_not_adopted(dfx: Command, home: Path) -> None:
    """Each file is named with what is wrong with it, and no empty database is left."""
    (home / "dfx.db").unlink()
    for path in home.glob("*/*/checkpoints/last-*.pt"):
        path.write_bytes(path.read_bytes()[:1000])
    outcome = dfx("db", "check", "--adopt")

    check(outcome, 4, "no run in", "it is not whole", *(p.name for p in home.rglob("last-*.pt")))
    assert not (home / "dfx.db").exists()


def test_run_that_was_removed_does_not_come_back(dfx: Command, home: Path) -> None:
    """Its files may outlive its rows for a while; they are marked."""
    with closing(sqlite3.connect(home / "dfx.db")) as connection:
        for table in ("evaluations", "checkpoints", "epochs", "splits", "attempts", "runs"):
            connection.execute(f"DELETE FROM {table}")
        connection.commit()
    (home / "trained/1/.removed").write_text("")
    report = dfx("db", "check", "--adopt", "--format", "json").json()

    assert report["adopted"] == []
    assert [(f["path"], f["is_fault"]) for f in report["findings"]] == [("trained/1", False)]


@pytest.mark.parametrize(
    "command", [("status",), ("upgrade",), ("backup",), ("backup", "copy"), ("check", "--adopt")]
)
def test_nothing_here(dfx: Command, folder: Path, command: tuple[str, ...]) -> None:
    check(dfx("db", *command), 3, "no runs in")
    assert list(folder.iterdir()) == []
