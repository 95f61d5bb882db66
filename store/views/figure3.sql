-- Figure 3: box plots of LAPE over the 30 % most language-specific groups of neurons of the dense model, dense and pruned; from the lape measure.
CREATE OR REPLACE VIEW figure3 AS
SELECT r.run_id, r.model, r.method, r.pattern, r.sparsity, r.calibration, r.seed, r.setting, l.evaluation, g.neuron_group,
  min(l.lape) AS low, quantile_cont(l.lape, 0.25) AS q1, median(l.lape) AS median, quantile_cont(l.lape, 0.75) AS q3, max(l.lape) AS high,
  count(l.lape) AS neurons
FROM neuron_lape l JOIN runs r USING (run_key)
  JOIN lape_group g ON g.model = r.model AND g.evaluation = l.evaluation AND g.block = l.block AND g.neuron = l.neuron
WHERE g.neuron_group <= 15
GROUP BY ALL;
