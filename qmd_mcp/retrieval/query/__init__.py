"""What a query says: its syntax, its terms and their rarity, and whether other words for it would help."""
