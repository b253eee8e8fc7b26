"""The languages in which people are spoken to: catalogues, choice of a language, dates, numbers and lists."""
