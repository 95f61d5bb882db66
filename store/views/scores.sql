-- Numbers of whole models (no block); `place` is the evaluation language, 'en-e' and 'en-c' for ARC's easy and challenge sets.
CREATE OR REPLACE VIEW scores AS
SELECT *,
  CASE WHEN task IN ('arc_easy', 'arc_challenge') THEN 'arc' ELSE task END AS task_group,
  CASE task
    WHEN 'arc_easy' THEN language || '-e'
    WHEN 'arc_challenge' THEN language || '-c'
    ELSE coalesce(nullif(language, ''), linear) END AS place
FROM metrics
WHERE block = -1 AND (source = 'paper' OR linear = '');
