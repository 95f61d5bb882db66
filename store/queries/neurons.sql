-- Activation probability of a run's FFN neurons in one language, drawn together into $bins bins a block.
WITH counted AS (
  SELECT block, neuron, n_active / n_tokens AS probability
  FROM neuron_count JOIN neuron_token USING (run_key, evaluation, language)
  WHERE run_key = (SELECT run_key FROM run WHERE run_id = $run_id) AND evaluation = $evaluation AND language = $language)
SELECT block, (neuron * $bins // (SELECT 1 + max(neuron) FROM counted))::INTEGER AS bin,
  avg(probability) AS mean, max(probability) AS highest
FROM counted
GROUP BY ALL
ORDER BY block, bin;
