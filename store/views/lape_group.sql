-- FFN neurons of each dense model sorted by LAPE into 50 groups of 2 % (neuron_group from 1, the most language-specific); from the lape measure.
CREATE OR REPLACE VIEW lape_group AS
SELECT r.model, l.evaluation, l.block, l.neuron, l.lape,
  ntile(50) OVER (PARTITION BY r.model, l.evaluation ORDER BY l.lape, l.block, l.neuron) AS neuron_group
FROM neuron_lape l JOIN run r USING (run_key)
WHERE l.lape IS NOT NULL AND r.run_key IN (
  SELECT arg_max(run_key, r.written_at) FROM (SELECT DISTINCT run_key, evaluation FROM neuron_lape) JOIN run r USING (run_key)
  WHERE r.method = 'dense' GROUP BY r.model, evaluation);
