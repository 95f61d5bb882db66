-- Table 16 as published: IoU of the masks of three runs on one calibration language, average over blocks.
CREATE OR REPLACE VIEW paper_table16 AS
SELECT model, method, linear,
  avg(value) FILTER (calibration = 'de') AS de, avg(value) FILTER (calibration = 'en') AS en, avg(value) FILTER (calibration = 'zh') AS zh
FROM metrics WHERE source = 'paper' AND paper_table = 16
GROUP BY ALL
ORDER BY ALL;
