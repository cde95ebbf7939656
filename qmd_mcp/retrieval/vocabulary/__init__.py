"""The words of a query as the index has them: its terms, and near words of the index for those that it lacks."""
