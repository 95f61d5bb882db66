-- results.duckdb. This file is the only place where tables, columns, units and comments are written down: store/schema.py
-- reads the comment in front of a table and behind a column and puts them into the store as COMMENT ON, creates the tables,
-- and adds to an older store the tables and columns that are missing there. So: one column a line, each with a comment;
-- a new column is nullable or has a default; raise VERSION in store/schema.py with every change here.
--
-- Rules: no FOREIGN KEY (blocks delete + insert of parent and child in one transaction), no secondary index (blocks
-- ALTER), no ENUM (no ADD VALUE), no CHECK. Missing text is '' and "no block" is -1 where a column belongs to a unit.
-- A "Unit" is what is written and replaced as a whole: of two writings of a unit the later one (written_at) counts, in
-- the ingester, in the explorer's overlay, in compaction and in merge alike. Hence no PRIMARY KEY on facts.

-- Versions of this schema that the store has had; the highest one is what it is now.
CREATE TABLE schema_migration(
  version INTEGER PRIMARY KEY,            -- version of the schema
  name VARCHAR NOT NULL,                  -- what changed: 'created', or the tables and columns added
  fingerprint VARCHAR NOT NULL,           -- SHA-256 over schema, views and the paper's numbers as last applied
  applied_at TIMESTAMPTZ DEFAULT now(),   -- when
  app_version VARCHAR,                    -- version of calib-explorer that did it
  duckdb_version VARCHAR                  -- version of DuckDB that did it
);

-- Journal segments (Parquet files in the run folders) whose rows are in this store.
CREATE TABLE segment(
  segment VARCHAR PRIMARY KEY,            -- '<folder under runs/>/<file name>'
  run_id VARCHAR NOT NULL,                -- folder under runs/
  attempt INTEGER NOT NULL,               -- which execution of the run wrote it, from 1
  target VARCHAR NOT NULL,                -- table that the rows went to
  n_rows BIGINT NOT NULL,                 -- rows in the segment
  ingested_at TIMESTAMPTZ DEFAULT now()   -- when the ingester moved it in
);

-- One pruned (or dense, or quantised) model: what decides it, how it was made, how it went. Published ones have source 'paper'.
-- Unit: run_key
CREATE TABLE run(
  run_key BIGINT PRIMARY KEY,             -- key in all fact tables; the first 52 bits of md5(run_id), so equal in every store
  run_id VARCHAR NOT NULL,                -- readable name ending in a hash of the settings; folder under runs/
  source VARCHAR NOT NULL DEFAULT 'run',  -- 'run': measured by calib-explorer; 'paper': published number
  status VARCHAR NOT NULL,                -- queued, running, done, failed; as last written by the run itself
  model VARCHAR NOT NULL,                 -- model name, last part of its id
  model_source VARCHAR,                   -- hub id or directory as given
  model_revision VARCHAR,                 -- commit of the hub repository or hash of the package
  dtype VARCHAR,                          -- dtype of the weights while pruning and measuring
  n_blocks INTEGER,                       -- decoder layers of the model
  n_parameters BIGINT,                    -- parameters of the model
  method VARCHAR NOT NULL,                -- dense, magnitude, wanda, sparsegpt, gptq, ...
  pattern VARCHAR,                        -- unstructured, 2:4, ..., 4bit/g128; NULL for dense
  sparsity DOUBLE,                        -- share of removed weights asked for, 0 to 1; NULL for dense and quantised
  sparsity_reached DOUBLE,                -- share of removed weights in the pruned linears, 0 to 1
  bits INTEGER,                           -- bits per weight of a quantised model
  group_size INTEGER,                     -- weights that share a scale in a quantised model
  numerics VARCHAR,                       -- 'exact' (the reference's order of operations) or 'fast'
  calibration VARCHAR,                    -- calibration languages sorted and joined by '+'; NULL when the method reads no text
  calibration_languages VARCHAR[],        -- the same as a list, in the listed order
  calibration_shares INTEGER[],           -- calibration sequences of each of them, in the listed order
  calibration_source VARCHAR,             -- corpus, directory or token file of the calibration text
  samples INTEGER,                        -- calibration sequences
  length INTEGER,                         -- tokens in each calibration sequence
  sampling VARCHAR,                       -- 'window' or 'pack': how sequences are cut from documents
  seed INTEGER,                           -- seed of the calibration draw
  preview BOOLEAN DEFAULT false,          -- from one dense pass for all calibrations: an estimate, not the sequential result
  spec JSON,                              -- the run's settings but for those at their default
  grid VARCHAR,                           -- grid that asked for it last
  attempt INTEGER DEFAULT 1,              -- how often it was started
  error VARCHAR,                          -- why it failed
  created_at TIMESTAMPTZ,                 -- when it was queued first
  started_at TIMESTAMPTZ,                 -- start of the last attempt
  finished_at TIMESTAMPTZ,                -- end of the last attempt
  wall_s DOUBLE,                          -- wall time of the last attempt, s
  device_s DOUBLE,                        -- time on the device in the last attempt, s
  peak_memory_bytes BIGINT,               -- peak memory of the worker, bytes
  versions JSON,                          -- versions of calib-explorer, python, torch, transformers, ...
  git_commit VARCHAR,                     -- commit of calib-explorer's checkout
  git_dirty BOOLEAN,                      -- whether that checkout had changes
  host VARCHAR,                           -- machine
  username VARCHAR,                       -- who ran it
  device VARCHAR,                         -- 'cpu', or the card's name: where the model was pruned, as versions, commit, host and threads
  threads INTEGER,                        -- CPU threads given to torch
  command VARCHAR,                        -- command line
  calibration_sha256 VARCHAR,             -- hash of the calibration tokens
  calibration_documents INTEGER,          -- documents that the calibration tokens came from
  weights_sha256 VARCHAR,                 -- hash of the pruned model: of each linear inside blocks its dotted path and its weight's bytes; NULL for dense, and where it was not noted yet
  paper_table INTEGER,                    -- number of the paper's table (source 'paper')
  note VARCHAR,                           -- remarks for the reader
  written_at TIMESTAMPTZ NOT NULL         -- when this row was written by the run
);

-- Documents that the calibration tokens of a run came from, one row a document.
-- Unit: run_key
CREATE TABLE calibration_document(
  run_key BIGINT NOT NULL,                -- run.run_key
  sequence INTEGER NOT NULL,              -- its place among the documents used, from 0, in the order of their first use
  language VARCHAR NOT NULL,              -- its language
  document VARCHAR NOT NULL,              -- name of the document in its source
  first_token BIGINT,                     -- where in them what was used begins (of several windows the first drawn); NULL where not noted
  n_tokens BIGINT,                        -- tokens of the whole document
  sha256 VARCHAR,                         -- hash of the document's text
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);

-- How a measure was taken: everything that decides its numbers but the run and the language. Only equal ones compare.
-- Unit: evaluation
CREATE TABLE evaluation(
  evaluation VARCHAR PRIMARY KEY,         -- id: name of the measure and a hash of the settings
  measure VARCHAR NOT NULL,               -- perplexity, fidelity, lsar, lape, activations, weights, mask_overlap, task
  source VARCHAR,                         -- corpus, directory, token file or benchmark
  split VARCHAR,                          -- part of it: heldout, validation, test
  samples INTEGER,                        -- sequences or items asked for, per language
  length INTEGER,                         -- tokens in each sequence
  sampling VARCHAR,                       -- 'window' or 'pack'
  bos BOOLEAN,                            -- whether a BOS token is in front of every sequence
  settings JSON,                          -- everything else: seed, lm-eval and task versions, template, prompt, ...
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);

-- One number about one run. Prefer the view metrics, which has the run's columns beside it.
-- Unit: run_key, evaluation, measure, task, language
CREATE TABLE measurement(
  run_key BIGINT NOT NULL,                -- run.run_key
  evaluation VARCHAR NOT NULL,            -- evaluation.evaluation
  measure VARCHAR NOT NULL,               -- the measure that gave it; one measure gives several quantities
  quantity VARCHAR NOT NULL,              -- perplexity, bits_per_byte, snr, pruning_error, acc, f1, iou, ...
  unit VARCHAR NOT NULL,                  -- unit of value: ppl, bits/byte, dB, 1e-6 (value is 1e6 times the error), %, 1
  better VARCHAR NOT NULL DEFAULT '',     -- 'lower', 'higher', or '' where neither is
  task VARCHAR NOT NULL DEFAULT '',       -- downstream task; iou: 'iou_seeds' or 'iou_languages'; '' otherwise
  language VARCHAR NOT NULL DEFAULT '',   -- evaluation language, ISO 639-1; '' where there is none
  block INTEGER NOT NULL DEFAULT -1,      -- decoder layer, from 0; -1: the whole model
  linear VARCHAR NOT NULL DEFAULT '',     -- weight matrix inside the block; '' where there is none
  value DOUBLE,                           -- the number, in unit; NULL: could not be computed, note says why
  stderr DOUBLE,                          -- standard error of value, in unit
  n BIGINT,                               -- what value averages over: tokens, items or weights
  note VARCHAR,                           -- cautions; 'ocr_suspect' in it: leave out of comparisons
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);

-- Answers to single items of a downstream task, for paired tests.
-- Unit: run_key, evaluation, task, language
CREATE TABLE item(
  run_key BIGINT NOT NULL,                -- run.run_key
  evaluation VARCHAR NOT NULL,            -- evaluation.evaluation
  task VARCHAR NOT NULL,                  -- task, as in measurement
  language VARCHAR NOT NULL,              -- language of the item
  item VARCHAR NOT NULL,                  -- id of the item in its data set; the same for every run
  subject VARCHAR,                        -- part of the task, as an MMLU subject
  correct BOOLEAN,                        -- whether the answer counts as right
  score DOUBLE,                           -- score of the answer, 0 to 1 (F1 of a generation; 0 or 1 of a choice)
  scores DOUBLE[],                        -- log-likelihood of each choice, nats
  answer VARCHAR,                         -- the right answer
  prediction VARCHAR,                     -- the model's answer or generation
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);

-- Masks of a run: the bits are in runs/<run_id>/masks.safetensors, counts and hash are here.
-- Unit: run_key, block
CREATE TABLE mask_summary(
  run_key BIGINT NOT NULL,                -- run.run_key
  block INTEGER NOT NULL,                 -- decoder layer, from 0
  linear VARCHAR NOT NULL,                -- dotted name of the linear inside the block
  n_rows INTEGER NOT NULL,                -- outputs of the linear
  n_columns INTEGER NOT NULL,             -- inputs of the linear
  n_removed BIGINT NOT NULL,              -- weights removed
  sha256 VARCHAR NOT NULL,                -- hash of the packed bits (row-major, big-endian, 1 = removed)
  path VARCHAR NOT NULL,                  -- file with the bits, relative to the runs folder
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);

-- Overlap of two masks, or of the masks of several seeds, per linear. iou = n_intersection / n_union.
-- Unit: kind, run_a, run_b
CREATE TABLE mask_overlap(
  kind VARCHAR NOT NULL,                  -- 'seeds': the same calibration; 'languages': intersections over seeds; 'runs'; 'methods'; 'floor': pruned again; 'checkpoints': one from elsewhere and our run; 'pair': any two, asked for
  run_a VARCHAR NOT NULL,                 -- run_id, several joined by ' & ' (their intersection)
  run_b VARCHAR NOT NULL,                 -- run_id, several joined by ' & '; '' for kinds 'seeds' and 'floor'
  label_a VARCHAR NOT NULL,               -- calibration (or method) of run_a
  label_b VARCHAR NOT NULL,               -- calibration (or method) of run_b
  model VARCHAR NOT NULL,                 -- model name
  method VARCHAR NOT NULL,                -- method of both
  block INTEGER NOT NULL,                 -- decoder layer, from 0
  linear VARCHAR NOT NULL,                -- dotted name of the linear inside the block
  n_intersection BIGINT NOT NULL,         -- weights removed in all
  n_union BIGINT NOT NULL,                -- weights removed in any
  chance DOUBLE,                          -- iou expected of independent masks of the same sizes
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);

-- How often each FFN neuron was active, per language. Probability = n_active / neuron_token.n_tokens: view activation.
-- Unit: run_key, evaluation, language, block
CREATE TABLE neuron_count(
  run_key BIGINT NOT NULL,                -- run.run_key
  evaluation VARCHAR NOT NULL,            -- evaluation.evaluation
  language VARCHAR NOT NULL,              -- language of the text
  block USMALLINT NOT NULL,               -- decoder layer, from 0
  neuron UINTEGER NOT NULL,               -- FFN neuron, from 0
  n_active UINTEGER NOT NULL,             -- tokens whose gate non-linearity was above 0
  mean_abs FLOAT,                         -- mean absolute output of the neuron over tokens
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);

-- Tokens that neuron_count counted over.
-- Unit: run_key, evaluation, language
CREATE TABLE neuron_token(
  run_key BIGINT NOT NULL,                -- run.run_key
  evaluation VARCHAR NOT NULL,            -- evaluation.evaluation
  language VARCHAR NOT NULL,              -- language of the text
  n_tokens BIGINT NOT NULL,               -- tokens
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);

-- Language activation probability entropy of each FFN neuron (Tang et al. 2024): 0 for a one-language neuron.
-- Unit: run_key, evaluation
CREATE TABLE neuron_lape(
  run_key BIGINT NOT NULL,                -- run.run_key
  evaluation VARCHAR NOT NULL,            -- evaluation.evaluation
  block USMALLINT NOT NULL,               -- decoder layer, from 0
  neuron UINTEGER NOT NULL,               -- FFN neuron, from 0
  lape FLOAT,                             -- entropy over languages, nats; NULL for a neuron that was never active
  lape_rank UINTEGER,                     -- rank by lape in the whole model, from 0 (lowest)
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);

-- Mean activation of each output unit of a linear.
-- Unit: run_key, evaluation, language, block, linear
CREATE TABLE output_activation(
  run_key BIGINT NOT NULL,                -- run.run_key
  evaluation VARCHAR NOT NULL,            -- evaluation.evaluation
  language VARCHAR NOT NULL,              -- language of the text
  block USMALLINT NOT NULL,               -- decoder layer, from 0
  linear VARCHAR NOT NULL,                -- dotted name of the linear inside the block
  output UINTEGER NOT NULL,               -- output unit, from 0
  mean FLOAT NOT NULL,                    -- mean activation over tokens
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);

-- Small arrays: LSAR's subspace ('lsar_subspace', width x rank) and mean embeddings ('mean_embedding', width) per block.
-- Unit: run_key, evaluation, name, block, language
CREATE TABLE tensor(
  run_key BIGINT NOT NULL,                -- run.run_key
  evaluation VARCHAR NOT NULL,            -- evaluation.evaluation
  name VARCHAR NOT NULL,                  -- what it is
  block INTEGER NOT NULL DEFAULT -1,      -- decoder layer, from 0; -1: the whole model
  language VARCHAR NOT NULL DEFAULT '',   -- language; '' where there is none
  shape INTEGER[],                        -- sizes, outermost first
  value FLOAT[],                          -- elements, row-major
  written_at TIMESTAMPTZ NOT NULL         -- when the unit was written
);
