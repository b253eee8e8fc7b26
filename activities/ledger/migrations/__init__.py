"""The numbered SQL files that make the database's schema, in the form that ``dbmate`` reads too."""
