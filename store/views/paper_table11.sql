-- Table 11 as published: accuracy at 20 % (Aya-23-8B) and 80 % (Aya-23-35B), monolingual calibration.
CREATE OR REPLACE VIEW paper_table11 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'paper' AND paper_table = 11
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
