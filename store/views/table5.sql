-- Table 5 of the paper prints no results; here: how many items or tokens are behind the measured numbers, by task and language.
CREATE OR REPLACE VIEW table5 AS
SELECT
  quantity, task, evaluation, count(DISTINCT run_id) AS runs,
  median(n) FILTER (place = 'ar') AS ar,
  median(n) FILTER (place = 'de') AS de,
  median(n) FILTER (place = 'en') AS en,
  median(n) FILTER (place = 'es') AS es,
  median(n) FILTER (place = 'ru') AS ru,
  median(n) FILTER (place = 'sw') AS sw,
  median(n) FILTER (place = 'zh') AS zh
FROM current WHERE source = 'run'
GROUP BY ALL
ORDER BY ALL;
