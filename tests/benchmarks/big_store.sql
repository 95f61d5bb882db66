-- A made store of the size that issue 3 names, on top of an empty one with the paper's numbers.
SET enable_progress_bar = false;

-- The runs: four models, Wanda and SparseGPT at 50 % and 2:4, 20 calibrations, three seeds; some with fewer samples; dense and magnitude.
CREATE TEMP TABLE made AS
WITH models AS (SELECT unnest(['SmolLM2-135M-Instruct', 'gemma-3-270m', 'Meta-Llama-3-8B-Instruct', 'aya-23-8B']) AS model),
methods AS (SELECT * FROM (VALUES ('wanda', 'unstructured', 0.5), ('wanda', '2:4', 0.5), ('sparsegpt', 'unstructured', 0.5),
  ('sparsegpt', '2:4', 0.5)) AS t(method, pattern, sparsity)),
languages AS (SELECT unnest(['ar', 'de', 'en', 'es', 'ru', 'sw', 'zh']) AS l),
calibrations AS (
  SELECT l AS calibration FROM languages UNION ALL
  SELECT a.l || '+' || b.l FROM languages a JOIN languages b ON a.l < b.l WHERE b.l <> 'zh' AND a.l <> 'es' LIMIT 20),
pruned AS (
  SELECT *, 128 AS samples FROM models, methods, calibrations, (SELECT unnest([0, 1, 2]) AS seed)),
more AS (
  SELECT model, 'wanda' AS method, 'unstructured' AS pattern, 0.5 AS sparsity, l AS calibration, seed, 64 AS samples
  FROM models, languages, (SELECT unnest([0, 1]) AS seed) ORDER BY ALL LIMIT 32),
plain AS (
  SELECT model, method, NULL AS pattern, NULL AS sparsity, NULL AS calibration, NULL AS seed, NULL AS samples
  FROM models, (SELECT unnest(['dense', 'magnitude']) AS method))
SELECT row_number() OVER (ORDER BY model, method, pattern, calibration, seed) AS k,
  lower(concat_ws('-', model, method, replace(pattern, ':', 'of'), calibration, 's' || seed, samples)) AS run_id, *
FROM (SELECT * FROM pruned UNION ALL BY NAME SELECT * FROM more UNION ALL BY NAME SELECT * FROM plain);

INSERT INTO run BY NAME
SELECT ('0x' || md5(run_id)[1:13])::BIGINT AS run_key, run_id, 'run' AS source, 'done' AS status, model, method, pattern,
  sparsity, calibration, string_split(calibration, '+') AS calibration_languages,
  CASE WHEN calibration IS NOT NULL THEN 'mc4' END AS calibration_source, samples,
  CASE WHEN calibration IS NOT NULL THEN 8192 END AS length, 'float32' AS dtype, seed,
  '{"model":"m","method":{"name":"' || method || '","skip_blocks":[]},"calibration":{"bos":false}}' AS spec,
  TIMESTAMPTZ '2026-01-01' + INTERVAL 1 MINUTE * k AS started_at, 842.0 AS wall_s, 'h100-2' AS host, 'a1c9f2e' AS git_commit,
  TIMESTAMPTZ '2026-01-01' + INTERVAL 1 MINUTE * k AS written_at
FROM made ORDER BY k;

-- Whole-model numbers in seven languages, tasks, and curves over 30 blocks.
INSERT INTO measurement BY NAME
WITH languages AS (SELECT unnest(['ar', 'de', 'en', 'es', 'ru', 'sw', 'zh']) AS language),
whole AS (
  SELECT 'perplexity-1' AS evaluation, 'perplexity' AS measure, quantity, unit, better, '' AS task, language, -1 AS block
  FROM languages, (VALUES ('perplexity', 'ppl', 'lower'), ('bits_per_byte', 'bits/byte', 'lower')) AS q(quantity, unit, better)
  UNION ALL
  SELECT 'fidelity-1', 'fidelity', quantity, unit, better, '', language, -1
  FROM languages, (VALUES ('snr', 'dB', 'higher'), ('pruning_error', '1e-6', 'lower')) AS q(quantity, unit, better)
  UNION ALL
  SELECT 'fidelity-1', 'fidelity', quantity, unit, better, '', language, block::INTEGER
  FROM (SELECT unnest(['de', 'en', 'es']) AS language), range(30) AS b(block),
    (VALUES ('snr', 'dB', 'higher'), ('pruning_error', '1e-6', 'lower')) AS q(quantity, unit, better)
  UNION ALL
  SELECT 'task-' || task, 'task', 'acc', '%', 'higher', task, language, -1
  FROM languages, (SELECT unnest(['arc', 'belebele', 'mmlu', 'hellaswag']) AS task)
  WHERE NOT (task = 'arc' AND language IN ('en', 'sw')) AND NOT (task IN ('mmlu', 'hellaswag') AND language = 'sw')
    AND NOT (task = 'hellaswag' AND language = 'zh')
  UNION ALL
  SELECT 'task-arc', 'task', 'acc', '%', 'higher', unnest(['arc_easy', 'arc_challenge']), 'en', -1
  UNION ALL
  SELECT 'task-mkqa', 'task', 'f1', '%', 'higher', 'mkqa', language, -1 FROM languages WHERE language <> 'sw')
SELECT ('0x' || md5(run_id)[1:13])::BIGINT AS run_key, whole.*,
  10 + hash(run_id, quantity, task, language, block) % 10000 / 250.0 AS value, 1048448 AS n,
  TIMESTAMPTZ '2026-01-01' + INTERVAL 1 MINUTE * k AS written_at
FROM made, whole ORDER BY k;

INSERT INTO evaluation BY NAME
SELECT DISTINCT evaluation, measure, 'mc4' AS source, 'validation' AS split, 128 AS samples, 8192 AS length,
  TIMESTAMPTZ '2026-01-01' AS written_at
FROM measurement WHERE evaluation NOT LIKE 'paper-%';

-- Forty runs with neuron counts: 30 blocks x 1,536 neurons x 7 languages.
CREATE TEMP TABLE counted AS
SELECT ('0x' || md5(run_id)[1:13])::BIGINT AS run_key, k,
  TIMESTAMPTZ '2026-01-01' + INTERVAL 1 MINUTE * k AS written_at
FROM made WHERE model = 'SmolLM2-135M-Instruct' AND (method = 'dense' OR samples = 128) ORDER BY method <> 'dense', k LIMIT 40;

INSERT INTO neuron_count BY NAME
SELECT run_key, 'lape-1' AS evaluation, language, block::USMALLINT AS block, neuron::UINTEGER AS neuron,
  (1048576 * pow(hash(block, neuron, language) % 10007 / 10007.0, 2) * (0.9 + hash(k, block, neuron, language) % 997 / 5000.0)
  )::UINTEGER AS n_active,
  (hash(neuron, block, language, k) % 100003 / 50000.0)::FLOAT AS mean_abs, written_at
FROM counted, (SELECT unnest(['ar', 'de', 'en', 'es', 'ru', 'sw', 'zh']) AS language), range(30) AS b(block),
  range(1536) AS n(neuron)
ORDER BY k, language, block, neuron;

INSERT INTO neuron_token BY NAME
SELECT run_key, 'lape-1' AS evaluation, unnest(['ar', 'de', 'en', 'es', 'ru', 'sw', 'zh']) AS language, 1048576 AS n_tokens,
  written_at
FROM counted;

INSERT INTO neuron_lape BY NAME
SELECT run_key, 'lape-1' AS evaluation, block, neuron, lape, rank() OVER (PARTITION BY run_key ORDER BY lape) - 1 AS lape_rank, written_at
FROM (
  SELECT run_key, block, neuron, written_at, -sum(CASE WHEN p > 0 THEN p / total * ln(p / total) ELSE 0 END)::FLOAT AS lape
  FROM (
    SELECT run_key, block, neuron, written_at, n_active::DOUBLE AS p, sum(n_active) OVER (PARTITION BY run_key, block, neuron) AS total
    FROM neuron_count)
  WHERE total > 0 GROUP BY ALL)
ORDER BY run_key, block, neuron;

-- Overlap of masks.
INSERT INTO mask_overlap BY NAME
WITH languages AS (SELECT unnest(['ar', 'de', 'en', 'es', 'ru', 'sw', 'zh']) AS l),
pairs AS (
  SELECT 'languages' AS kind, a.l AS label_a, b.l AS label_b FROM languages a JOIN languages b ON a.l < b.l
  UNION ALL SELECT 'seeds', l, '' FROM languages)
SELECT kind, model || method || label_a AS run_a, label_b AS run_b, label_a, label_b, model, method, block::INTEGER AS block, linear,
  150000 + hash(label_a, label_b, block, linear) % 40000 AS n_intersection, 220000 AS n_union, 0.333 AS chance,
  TIMESTAMPTZ '2026-01-01' AS written_at
FROM pairs, (SELECT DISTINCT model, method FROM made WHERE method IN ('wanda', 'sparsegpt')), range(30) AS b(block),
  (SELECT unnest(['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj', 'mlp.gate_proj',
    'mlp.up_proj', 'mlp.down_proj']) AS linear);
