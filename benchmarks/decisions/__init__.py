"""Measurements behind one decision each; repeated when the decision is questioned, not for every release."""
