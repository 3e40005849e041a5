"""What the runs of several methods say about them: groups of runs, figures with intervals, report."""
