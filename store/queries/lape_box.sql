-- Box plot of the LAPE of a pruned model's neurons, in groups of equal size sorted by the dense model's LAPE.
WITH base AS (
  SELECT block, neuron, ntile($groups) OVER (ORDER BY lape_rank) AS neuron_group
  FROM neuron_lape
  WHERE lape IS NOT NULL AND evaluation = $evaluation AND run_key = (SELECT run_key FROM run WHERE run_id = $dense))
SELECT neuron_group, min(lape) AS low, quantile_cont(lape, 0.25) AS q1, quantile_cont(lape, 0.5) AS median,
  quantile_cont(lape, 0.75) AS q3, max(lape) AS high, count(lape) AS neurons
FROM neuron_lape JOIN base USING (block, neuron)
WHERE evaluation = $evaluation AND run_key = (SELECT run_key FROM run WHERE run_id = $pruned) AND neuron_group <= $keep
GROUP BY neuron_group
ORDER BY neuron_group;
