"""Programs that each measured one decision: they are run again when it is questioned, not for every release."""
