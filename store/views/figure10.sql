-- Figure 10: mean absolute output of the neurons in each LAPE group, averaged over languages, dense and pruned; from the lape measure.
CREATE OR REPLACE VIEW figure10 AS
WITH grouped AS (
  SELECT c.run_key, c.evaluation, c.block, c.neuron, g.neuron_group, avg(c.mean_abs) AS v
  FROM neuron_count c JOIN run USING (run_key)
    JOIN lape_group g ON g.model = run.model AND g.evaluation = c.evaluation AND g.block = c.block AND g.neuron = c.neuron
  WHERE g.neuron_group <= 15
  GROUP BY ALL)
SELECT r.run_id, r.model, r.method, r.pattern, r.sparsity, r.calibration, r.seed, r.setting, evaluation, neuron_group,
  quantile_cont(v, 0.25) AS q1, median(v) AS median, quantile_cont(v, 0.75) AS q3, avg(v) AS mean, count(*) AS neurons
FROM grouped JOIN runs r USING (run_key)
GROUP BY ALL;
