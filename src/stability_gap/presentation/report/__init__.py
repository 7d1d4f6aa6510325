"""Make the report of a suite: one HTML page that needs no network, of the files in the suite's folder."""
