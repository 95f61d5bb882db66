-- Figure 9: the largest activation probability over languages of the neurons in each LAPE group, dense and pruned; from the lape measure.
CREATE OR REPLACE VIEW figure9 AS
SELECT r.run_id, r.model, r.method, r.pattern, r.sparsity, r.calibration, r.seed, n.evaluation, g.neuron_group,
  quantile_cont(n.v, 0.25) AS q1, median(n.v) AS median, quantile_cont(n.v, 0.75) AS q3, avg(n.v) AS mean, count(*) AS neurons
FROM (
  SELECT c.run_key, c.evaluation, c.block, c.neuron, max(c.n_active / t.n_tokens) AS v
  FROM neuron_count c JOIN neuron_token t USING (run_key, evaluation, language) GROUP BY ALL) n
  JOIN runs r USING (run_key)
  JOIN lape_group g ON g.model = r.model AND g.evaluation = n.evaluation AND g.block = n.block AND g.neuron = n.neuron
WHERE g.neuron_group <= 15
GROUP BY ALL;
