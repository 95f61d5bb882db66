-- Questions to start from. Any DuckDB client (1.2 or later) answers them on results.duckdb; so does 'calib-explorer sql'.

-- What has been run, and how long did it take?
SELECT run_id, status, method, sparsity, calibration, seed, round(wall_s) AS seconds, device
FROM runs WHERE source = 'run' ORDER BY started_at DESC;

-- What do the tidy numbers look like?
FROM metrics LIMIT 5;

-- Perplexity by calibration (rows) and evaluation language (columns), mean over seeds.
SELECT model, method, sparsity, calibration, seeds, ar, de, en, es, ru, sw, zh
FROM by_language WHERE source = 'run' AND quantity = 'perplexity' ORDER BY ALL;

-- The paper's table 6, and the same numbers as measured here.
SELECT * FROM paper_table6 WHERE quantity = 'perplexity';
FROM table6;

-- How far are measured numbers from the published ones?
SELECT model, method, quantity, task, count(*) AS cells, round(avg(difference), 2) AS mean_difference,
  round(max(abs(difference)), 2) AS largest
FROM comparison GROUP BY ALL ORDER BY ALL;

-- Is the evaluation's own language the best calibration? (published perplexities: 27 of 28 columns)
SELECT model, method, language, arg_min(calibration, value) AS best, min(value) AS lowest,
  bool_or(calibration = language AND value = lowest_here) AS own_is_best
FROM (
  SELECT *, min(value) OVER (PARTITION BY model, method, language) AS lowest_here
  FROM cells WHERE source = 'paper' AND quantity = 'perplexity')
GROUP BY ALL ORDER BY ALL;

-- What does calibrating on German instead of English change, in percent of the perplexity?
SELECT de.model, de.method, de.language, round(100 * (de.value / en.value - 1), 1) AS percent
FROM cells de JOIN cells en USING (source, model, method, pattern, sparsity, setting, quantity, language)
WHERE quantity = 'perplexity' AND de.calibration = 'de' AND en.calibration = 'en'
  AND de.seed IS NOT DISTINCT FROM en.seed AND de.evaluation = en.evaluation
ORDER BY ALL;

-- How much does pruning cost against the dense model, by task? (published, points of accuracy)
SELECT p.model, p.method, p.pattern, p.task_group, round(avg(p.value - d.value), 1) AS points
FROM cells p JOIN cells d ON d.source = p.source AND d.model = p.model AND d.task = p.task AND d.language = p.language
WHERE p.source = 'paper' AND p.quantity = 'acc' AND d.quantity = 'acc' AND p.method <> 'dense' AND d.method = 'dense'
GROUP BY ALL ORDER BY ALL;

-- Does a lower perplexity mean a higher accuracy? Correlation over calibrations, by evaluation language.
SELECT a.model, a.method, a.task_group, a.language, round(corr(a.value, p.value), 2) AS correlation, count(*) AS n
FROM cells a JOIN cells p USING (source, model, method, pattern, sparsity, calibration, language)
WHERE a.quantity = 'acc' AND p.quantity = 'perplexity' AND a.seed IS NOT DISTINCT FROM p.seed
GROUP BY ALL HAVING count(*) > 2 ORDER BY ALL;

-- How much do seeds matter? Standard deviation over them, beside the spread over calibrations.
SELECT model, method, quantity, language, round(avg(sd), 3) AS over_seeds, round(stddev_samp(mean), 3) AS over_calibrations
FROM (
  SELECT model, method, pattern, sparsity, setting, quantity, task, language, evaluation, calibration, avg(value) AS mean,
    stddev_samp(value) AS sd
  FROM cells WHERE source = 'run' AND calibration IS NOT NULL AND isfinite(value) GROUP BY ALL)
GROUP BY ALL ORDER BY ALL;

-- Which published numbers were read off a damaged page and are left out of comparisons?
SELECT paper_table, count(*) AS numbers FROM metrics WHERE contains(note, 'ocr_suspect') GROUP BY ALL ORDER BY ALL;

-- Where in the model are two languages' masks most alike?
SELECT model, method, calibration, other, submodule, round(avg(iou), 3) AS iou, round(avg(chance), 3) AS by_chance
FROM figure2 WHERE kind = 'languages' GROUP BY ALL ORDER BY iou DESC LIMIT 20;

-- Which neurons are the most language-specific ones of the dense model, and in which language are they active?
SELECT g.model, g.block, g.neuron, round(g.lape, 3) AS lape, arg_max(a.language, a.probability) AS language
FROM lape_group g JOIN activation a ON a.model = g.model AND a.evaluation = g.evaluation AND a.block = g.block
  AND a.neuron = g.neuron
WHERE g.neuron_group = 1 AND a.method = 'dense' GROUP BY ALL ORDER BY lape LIMIT 20;

-- What can be asked for? Every table and view with its comment.
SELECT table_name AS name, comment FROM duckdb_tables() WHERE NOT internal
UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY name;
