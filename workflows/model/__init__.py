"""The pure model: state, declarations, and the one judge."""
