-- Table 1 as published: perplexity, SNR (dB), pruning error (1e-6); where it differs from table 6, table 6 is right.
CREATE OR REPLACE VIEW paper_table1 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, task, model_folded)
FROM by_language
WHERE source = 'paper' AND paper_table = 1
ORDER BY quantity, model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
