-- Figure 10: mean absolute output of the neurons in each LAPE group, averaged over languages, dense and pruned; from the lape measure.
CREATE OR REPLACE VIEW figure10 AS
SELECT r.run_id, r.model, r.method, r.pattern, r.sparsity, r.calibration, r.seed, n.evaluation, g.neuron_group,
  quantile_cont(n.v, 0.25) AS q1, median(n.v) AS median, quantile_cont(n.v, 0.75) AS q3, avg(n.v) AS mean, count(*) AS neurons
FROM (
  SELECT c.run_key, c.evaluation, c.block, c.neuron, avg(c.mean_abs) AS v
  FROM neuron_count c GROUP BY ALL) n
  JOIN runs r USING (run_key)
  JOIN lape_group g ON g.model = r.model AND g.evaluation = n.evaluation AND g.block = n.block AND g.neuron = n.neuron
WHERE g.neuron_group <= 15
GROUP BY ALL;
