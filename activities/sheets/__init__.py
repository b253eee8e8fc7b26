"""Sheets in and out: conditions, documents, parties and evidence as rows of CSV or XLSX files."""
