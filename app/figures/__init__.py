"""The paper's figures as plots in the terminal: what is asked of the store, and how it is drawn."""
