-- Scores that the tables are made of: measured ones on each model and method's newest evaluation, and all published ones.
CREATE OR REPLACE VIEW current AS
WITH newest AS (
  SELECT model, method, pattern, sparsity, quantity, task, arg_max(evaluation, written_at) AS evaluation
  FROM scores WHERE source = 'run' AND NOT preview GROUP BY ALL)
SELECT scores.*
FROM scores JOIN newest ON scores.model = newest.model AND scores.method = newest.method
  AND scores.pattern IS NOT DISTINCT FROM newest.pattern AND scores.sparsity IS NOT DISTINCT FROM newest.sparsity
  AND scores.quantity = newest.quantity AND scores.task = newest.task AND scores.evaluation = newest.evaluation
WHERE source = 'run' AND NOT preview
UNION ALL BY NAME
SELECT * FROM scores WHERE source = 'paper';
