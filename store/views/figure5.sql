-- Figure 5: as figure 4, for the paper's other model: filter by model; from the fidelity measure.
CREATE OR REPLACE VIEW figure5 AS
SELECT * FROM figure4;
