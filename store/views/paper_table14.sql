-- Table 14 as published: accuracy after GPTQ to 4 bits, group 128.
CREATE OR REPLACE VIEW paper_table14 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'paper' AND paper_table = 14
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
