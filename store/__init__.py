"""results.duckdb: schema, writing, named queries, the paper's published numbers."""
