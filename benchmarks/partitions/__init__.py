"""What Dagster costs: partitions loaded in one run, beside the engine alone and beside a run that does nothing."""
