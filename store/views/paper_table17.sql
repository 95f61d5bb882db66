-- Table 17 as published: IoU between two languages' masks (each the intersection of three runs), average over blocks.
CREATE OR REPLACE VIEW paper_table17 AS
SELECT model, method, linear,
  avg(value) FILTER (calibration = 'de+en') AS de_en, avg(value) FILTER (calibration = 'de+zh') AS de_zh, avg(value) FILTER (calibration = 'en+zh') AS en_zh
FROM metrics WHERE source = 'paper' AND paper_table = 17
GROUP BY ALL
ORDER BY ALL;
