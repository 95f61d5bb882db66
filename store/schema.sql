-- results.duckdb, version 1. Rules: no FOREIGN KEY (blocks delete + insert of parent and child in one transaction),
-- no secondary index (blocks ALTER), no ENUM (no ADD VALUE), one INTEGER run_key in fact tables (faster filters than
-- VARCHAR run_id), missing text is '' in keys of facts. Fact tables have no PRIMARY KEY: the ingester replaces
-- whole units (see `segment`), so that a unit is there once or not at all.

CREATE TABLE schema_migration(
  version INTEGER PRIMARY KEY, name VARCHAR NOT NULL, applied_at TIMESTAMPTZ DEFAULT now(),
  app_version VARCHAR, duckdb_version VARCHAR DEFAULT version());

CREATE TABLE segment(
  segment VARCHAR PRIMARY KEY, run_id VARCHAR NOT NULL, attempt INTEGER NOT NULL, target VARCHAR NOT NULL,
  n_rows BIGINT NOT NULL, ingested_at TIMESTAMPTZ DEFAULT now());

CREATE TABLE run(
  run_key INTEGER PRIMARY KEY, run_id VARCHAR UNIQUE NOT NULL, source VARCHAR NOT NULL, status VARCHAR NOT NULL,
  model VARCHAR NOT NULL, model_source VARCHAR, model_revision VARCHAR, dtype VARCHAR,
  method VARCHAR NOT NULL, pattern VARCHAR, sparsity DOUBLE, bits INTEGER, group_size INTEGER,
  calibration VARCHAR, calibration_languages VARCHAR[], calibration_source VARCHAR, samples INTEGER, length INTEGER,
  sampling VARCHAR, seed INTEGER, preview BOOLEAN DEFAULT false,
  spec JSON, grid VARCHAR, attempt INTEGER DEFAULT 1, error VARCHAR,
  created_at TIMESTAMPTZ, started_at TIMESTAMPTZ, finished_at TIMESTAMPTZ,
  wall_s DOUBLE, device_s DOUBLE, peak_memory_bytes BIGINT, sparsity_reached DOUBLE,
  versions JSON, git_commit VARCHAR, git_dirty BOOLEAN, host VARCHAR, username VARCHAR, device VARCHAR,
  threads INTEGER, command VARCHAR, calibration_sha256 VARCHAR, calibration_documents INTEGER,
  paper_table INTEGER, note VARCHAR);

CREATE TABLE calibration_document(
  run_key INTEGER NOT NULL, language VARCHAR NOT NULL, document VARCHAR NOT NULL,
  n_tokens BIGINT, sha256 VARCHAR);

CREATE TABLE evaluation(
  evaluation VARCHAR PRIMARY KEY, measure VARCHAR NOT NULL, source VARCHAR, split VARCHAR, samples INTEGER,
  length INTEGER, sampling VARCHAR, bos BOOLEAN, settings JSON);

CREATE TABLE measurement(
  run_key INTEGER NOT NULL, evaluation VARCHAR NOT NULL, measure VARCHAR NOT NULL, quantity VARCHAR NOT NULL,
  unit VARCHAR NOT NULL, better VARCHAR NOT NULL, task VARCHAR NOT NULL DEFAULT '', language VARCHAR NOT NULL DEFAULT '',
  block INTEGER NOT NULL DEFAULT -1, linear VARCHAR NOT NULL DEFAULT '', value DOUBLE, stderr DOUBLE, n BIGINT,
  note VARCHAR, measured_at TIMESTAMPTZ);

CREATE TABLE item(
  run_key INTEGER NOT NULL, evaluation VARCHAR NOT NULL, task VARCHAR NOT NULL, language VARCHAR NOT NULL,
  item VARCHAR NOT NULL, correct BOOLEAN, score DOUBLE, scores DOUBLE[], answer VARCHAR, prediction VARCHAR);

CREATE TABLE mask_summary(
  run_key INTEGER NOT NULL, block INTEGER NOT NULL, linear VARCHAR NOT NULL, n_rows INTEGER NOT NULL,
  n_columns INTEGER NOT NULL, n_removed BIGINT NOT NULL, sha256 VARCHAR NOT NULL, path VARCHAR NOT NULL);

CREATE TABLE mask_overlap(
  kind VARCHAR NOT NULL, run_a VARCHAR NOT NULL, run_b VARCHAR NOT NULL, label_a VARCHAR NOT NULL,
  label_b VARCHAR NOT NULL, model VARCHAR NOT NULL, method VARCHAR NOT NULL, block INTEGER NOT NULL,
  linear VARCHAR NOT NULL, n_intersection BIGINT NOT NULL, n_union BIGINT NOT NULL, chance DOUBLE);

CREATE TABLE neuron_count(
  run_key INTEGER NOT NULL, evaluation VARCHAR NOT NULL, language VARCHAR NOT NULL, block USMALLINT NOT NULL,
  neuron UINTEGER NOT NULL, n_active UINTEGER NOT NULL, mean_abs FLOAT);

CREATE TABLE neuron_token(
  run_key INTEGER NOT NULL, evaluation VARCHAR NOT NULL, language VARCHAR NOT NULL, n_tokens BIGINT NOT NULL);

CREATE TABLE neuron_lape(
  run_key INTEGER NOT NULL, evaluation VARCHAR NOT NULL, block USMALLINT NOT NULL, neuron UINTEGER NOT NULL,
  lape FLOAT, lape_rank UINTEGER);

CREATE TABLE output_activation(
  run_key INTEGER NOT NULL, evaluation VARCHAR NOT NULL, language VARCHAR NOT NULL, block USMALLINT NOT NULL,
  linear VARCHAR NOT NULL, output UINTEGER NOT NULL, mean FLOAT NOT NULL);

CREATE TABLE tensor(
  run_key INTEGER NOT NULL, evaluation VARCHAR NOT NULL, name VARCHAR NOT NULL, block INTEGER NOT NULL DEFAULT -1,
  language VARCHAR NOT NULL DEFAULT '', shape INTEGER[], value FLOAT[]);
