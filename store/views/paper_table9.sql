-- Table 9 as published: accuracy after 2:4 pruning, monolingual calibration.
CREATE OR REPLACE VIEW paper_table9 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'paper' AND paper_table = 9
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
