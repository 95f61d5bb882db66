-- Table 6 as published: perplexity, SNR (dB), pruning error (1e-6), monolingual calibration, 50 % unstructured.
CREATE OR REPLACE VIEW paper_table6 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, task, model_folded)
FROM by_language
WHERE source = 'paper' AND paper_table = 6
ORDER BY quantity, model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
