"""Official documents of dual prevention: lists, cards and statistics as PDF, XLSX and CSV."""
