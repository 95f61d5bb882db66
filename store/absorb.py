"""The one rule by which rows get into a table: a unit replaces an older writing of itself and yields to a newer one.

Order of arrival, repetition and interruption therefore do not matter: ingesting, rebuilding, merging two machines'
results and the explorer's overlay all end with the same rows.
"""

import duckdb

from store.schema import Table
from store.stage import staged_name


def absorb(connection: duckdb.DuckDBPyConnection, catalog: str, table: Table) -> None:
    """Move the staged rows of `table` (see store.stage) into the table of that name in `catalog`.

    Call it inside a transaction when `catalog` is a file.
    """
    target, staged = f"{catalog}.{table.name}", staged_name(table)
    unit = ", ".join(table.unit)
    same = " AND ".join(f"old.{column} = newest.{column}" for column in table.unit)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE newest AS
        SELECT {unit}, max(written_at) AS written_at, max_by(filename, written_at) AS filename
        FROM {staged} GROUP BY {unit}""")
    connection.execute(f"""
        DELETE FROM newest USING (
          SELECT {unit}, max(written_at) AS written_at
          FROM {target} SEMI JOIN newest USING ({unit}) GROUP BY {unit}) old
        WHERE {same} AND old.written_at >= newest.written_at""")
    connection.execute(f"DELETE FROM {target} AS old USING newest WHERE {same}")
    columns = ", ".join(column.name for column in table.columns)
    order = ", ".join(column.name for column in table.columns if column.required)
    connection.execute(f"""
        INSERT INTO {target} ({columns})
        SELECT {columns} FROM {staged} SEMI JOIN newest USING ({unit}, written_at, filename) ORDER BY {order}""")
    connection.execute(f"DROP TABLE newest; DROP TABLE {staged}")
