-- Table 1 as measured: perplexity, SNR (dB) and pruning error (1e-6) by evaluation language, monolingual calibration, 50 % unstructured.
CREATE OR REPLACE VIEW table1 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, task, model_folded)
FROM by_language
WHERE source = 'run' AND quantity IN ('perplexity', 'snr', 'pruning_error') AND pattern = 'unstructured' AND sparsity = 0.5 AND skip_blocks IS NULL AND NOT contains(calibration, '+')
ORDER BY quantity, model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
