-- Figure 8: as figure 3, for the paper's other models and calibrations: filter by model; from the lape measure.
CREATE OR REPLACE VIEW figure8 AS
SELECT * FROM figure3;
