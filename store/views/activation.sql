-- How often each FFN neuron is active in each language (probability) and its mean absolute output; from the lape measure.
CREATE OR REPLACE VIEW activation AS
SELECT r.run_id, r.model, r.method, r.pattern, r.sparsity, r.calibration, r.seed, c.evaluation, c.language, c.block, c.neuron,
  c.n_active / t.n_tokens AS probability, c.mean_abs, c.n_active, t.n_tokens, c.run_key
FROM neuron_count c JOIN neuron_token t USING (run_key, evaluation, language) JOIN runs r USING (run_key);
