"""Making results.duckdb, and bringing an older one up to this program's schema.

The file has storage version v1.2.0, so that every DuckDB from 1.2 on opens it; blocks of 64 KB keep small tables
small. Changes that only add are made in place and recorded in schema_migration; everything else is a rebuild.
"""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb

from store import paper
from store.attach import ALIAS, in_memory, quoted
from store.errors import StoreError
from store.files import sync_folder
from store.schema import VERSION, Column, schema_sql, tables
from store.view_files import view_files


def create(store: Path) -> None:
    """Make a new store with everything in it but results. It appears whole or not at all.

    Raises OSError or duckdb.Error; an existing file is replaced.
    """
    temporary = store.with_name(f".{store.name}.new")
    _remove(temporary)
    connection = in_memory()
    try:
        attach_new(connection, temporary)
        bring_up(connection)
        connection.execute(f"DETACH {ALIAS}")
    except BaseException:
        _remove(temporary)
        raise
    finally:
        connection.close()
    temporary.replace(store)
    sync_folder(store.parent)


def _remove(database: Path) -> None:
    for path in (database, Path(f"{database}.wal")):
        path.unlink(missing_ok=True)


def attach_new(connection: duckdb.DuckDBPyConnection, path: Path, alias: str = ALIAS) -> None:
    """Attach a new empty file that every DuckDB from 1.2 on can open."""
    connection.execute(f"ATTACH {quoted(path)} AS {alias} (STORAGE_VERSION 'v1.2.0', BLOCK_SIZE 65536)")


def stored_version(connection: duckdb.DuckDBPyConnection, store: Path, alias: str = ALIAS) -> tuple[int, str]:
    """Version and fingerprint of the attached store; `current()` where it is as this program would make it.

    Raises StoreError for one made by a newer program, or with tables that are not ours.
    """
    found = f"SELECT table_name FROM duckdb_tables() WHERE database_name = '{alias}'"
    names = {name for (name,) in connection.execute(found).fetchall()}
    if "schema_migration" not in names:
        raise StoreError(
            f"{store} is a DuckDB database, but not a store of calib-explorer. Choose another file with --store"
        )
    last = f"SELECT version, fingerprint FROM {alias}.schema_migration ORDER BY version DESC LIMIT 1"
    number, mark = (connection.execute(last).fetchall() or [(0, "")])[0]
    if number > VERSION:
        raise StoreError(
            f"{store} has schema {number}; this calib-explorer ({app_version()}) knows up to {VERSION}. Upgrade "
            "calib-explorer; results of this version stay in the run folders and are merged by the newer one"
        )
    return number, mark


def current() -> tuple[int, str]:
    """What `stored_version` says of a store made by this program."""
    return VERSION, fingerprint()


def bring_up(connection: duckdb.DuckDBPyConnection) -> None:
    """Add to the attached store what it lacks, set views, comments and the paper's numbers anew, record it.

    All in one transaction. Raises StoreError where adding is not enough.
    """
    connection.execute(f"USE {ALIAS}; BEGIN")
    try:
        added = _add_missing(connection)
        apply_views(connection)
        _apply_comments(connection)
        paper.load(connection, ALIAS)
        connection.execute(
            f"INSERT OR REPLACE INTO {ALIAS}.schema_migration VALUES (?, ?, ?, now(), ?, version())",
            [VERSION, added, fingerprint(), app_version()],
        )
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")  # COMMIT after a failed statement would return as if all were well
        raise
    finally:
        connection.execute("USE memory")


def apply_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every view of store/views in the current database, with its comment (which replacing it drops)."""
    for view in view_files():
        connection.execute(view.sql)
        connection.execute(f"COMMENT ON VIEW {view.name} IS {_text(view.comment)}")


@cache
def fingerprint() -> str:
    """Identifies schema, views and published numbers as this program would put them into a store."""
    parts = [str(VERSION), schema_sql(), *(f"{view.comment}\n{view.sql}" for view in view_files())]
    return hashlib.sha256("\n".join(parts).encode() + paper.CSV.read_bytes()).hexdigest()


def app_version() -> str:
    """The version of calib-explorer that is running."""
    try:
        return version("calib-explorer")
    except PackageNotFoundError:
        return "not installed"


def columns_of(connection: duckdb.DuckDBPyConnection, alias: str) -> dict[str, dict[str, str]]:
    """Table -> column -> type of an attached database."""
    query = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND NOT internal"
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(query, [alias]).fetchall():
        found.setdefault(table, {})[column] = kind
    return found


def _add_missing(connection: duckdb.DuckDBPyConnection) -> str:
    found = columns_of(connection, ALIAS)
    added = []
    for table in tables().values():
        if table.name not in found:
            connection.execute(table.sql)
            added.append(table.name)
            continue
        for column in table.columns:
            if column.name not in found[table.name]:
                connection.execute(_add_column(table.name, column))
                added.append(f"{table.name}.{column.name}")
            elif found[table.name][column.name] != _duckdb_type(column.type):
                raise _rebuild(f"{table.name}.{column.name} is {found[table.name][column.name]}, not {column.type}")
    return "created" if not found else ", ".join(added) or "views and comments"


def _add_column(table: str, column: Column) -> str:
    if column.required and column.default is None:
        raise _rebuild(f"{table}.{column.name} is missing and has no default")
    default = "" if column.default is None else f" DEFAULT {column.default}"
    return f"ALTER TABLE {table} ADD COLUMN {column.name} {column.type}{default}"


def _rebuild(what: str) -> StoreError:
    return StoreError(
        f"the store was made by another version of calib-explorer ({what}). 'calib-explorer rebuild' makes it afresh "
        "from the run folders and keeps the old file"
    )


def _duckdb_type(sql_type: str) -> str:
    return sql_type.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")


def _apply_comments(connection: duckdb.DuckDBPyConnection) -> None:
    for table in tables().values():
        connection.execute(f"COMMENT ON TABLE {table.name} IS {_text(table.comment)}")
        for column in table.columns:
            connection.execute(f"COMMENT ON COLUMN {table.name}.{column.name} IS {_text(column.comment)}")


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
